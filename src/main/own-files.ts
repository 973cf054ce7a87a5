import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { getAsset, isSea } from "node:sea";
import * as z from "zod";

const stated = z.object({ version: z.string() });

/** Whether the program is one executable file, which has no folder of its own. */
export const isSingleFile: boolean = isSea();

/**
 * A text of the program's own, by its name below the program's folder. In a single file they stand inside: what lies beside it is
 * whoever's. Throws where it is missing, as `readFileSync` does.
 */
export function ownFile(name: "package.json" | "node_modules/.package-lock.json"): string {
  return isSingleFile ? getAsset(name, "utf8") : readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
}

/** A command line that runs the daemon in the foreground. A single file is none: it names the daemon of the package. */
export function daemonCommand(): string {
  if (isSingleFile) return "/usr/lib/ringfort/bin/node /usr/lib/ringfort/dist/main/ringfortd.js";
  return `${process.execPath} ${path.join(import.meta.dirname, `ringfortd${path.extname(import.meta.filename)}`)}`;
}

/** The version that package.json states. */
export function version(): string {
  return stated.parse(JSON.parse(ownFile("package.json"))).version;
}
