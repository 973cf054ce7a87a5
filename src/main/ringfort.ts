#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import path from "node:path";

// Half of the time that a short command takes is compiling. The cache lies beside the program, never in a folder that
// others may write: whoever can write there could change the program itself. Where it can't be written, it is not used.
enableCompileCache(path.join(import.meta.dirname, "../../node_modules/.cache/ringfort"));
await import("./command-line.ts");
