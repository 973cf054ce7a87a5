import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { getAsset, isSea } from "node:sea";
import * as z from "zod";

/** Whether the program is one executable file, which has no folder of its own: the command line, or the agent. */
export const isSingleFile: boolean = isSea();

/** src, or what was compiled of it. Sources run as they are; a release runs what was compiled of them. */
const sources = path.dirname(import.meta.dirname);
const app = path.dirname(sources);
const ending = path.extname(import.meta.filename);

/** Where this program lies; of no use to a single file. */
export const programHere: {
  /** What every process of ours must read to run. Not the whole checkout: the data folder may lie in it, as the README's first one does. */
  readonly files: readonly string[];
  /** The file of an entry of `main`, by its name without an ending. */
  entry(name: string): string;
} = {
  files: [sources, path.join(app, "node_modules"), path.join(app, "package.json")],
  entry: (name) => path.join(sources, "main", `${name}${ending}`),
};

/**
 * A text of the program's own, by its name below the program's folder. In a single file they stand inside: what lies beside it is
 * whoever's. Throws where it is missing, as `readFileSync` does.
 */
export function ownFile(name: "package.json" | "node_modules/.package-lock.json"): string {
  return isSingleFile ? getAsset(name, "utf8") : readFileSync(path.join(app, name), "utf8");
}

/** A command line that runs the daemon in the foreground. A single file is none: it names the daemon of the package. */
export function daemonCommand(): string {
  if (isSingleFile) return "/usr/lib/ringfort/bin/node /usr/lib/ringfort/dist/main/ringfortd.js";
  return `${process.execPath} ${programHere.entry("ringfortd")}`;
}

/** What a policy and a command are put behind, to run the command under it; a single file is its own launcher (`single-file.ts`). */
export function trialLauncher(): readonly string[] {
  if (isSingleFile) return [process.execPath, "launch-trial"];
  return [process.execPath, "--disable-warning=ExperimentalWarning", programHere.entry("launch-trial")];
}

/** The version that package.json states. */
export function version(): string {
  return z.object({ version: z.string() }).parse(JSON.parse(ownFile("package.json"))).version;
}
