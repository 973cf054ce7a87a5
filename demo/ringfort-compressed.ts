import { compressTime } from "./compressed-clock.ts";

compressTime();
await import("../src/main/command-line.ts");
