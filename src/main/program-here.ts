import path from "node:path";
import { fileURLToPath } from "node:url";

/** src, or what was compiled of it. */
const sources = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const app = path.dirname(sources);
/** Sources run as they are; a release runs what was compiled of them. */
const ending = path.extname(fileURLToPath(import.meta.url));

/** Where this program lies. */
export const programHere: {
  /** What every process of ours must read to run. Not the whole checkout: the data folder may lie in it, as the README's first one does. */
  readonly files: readonly string[];
  /** The file of an entry of `main`, by its name without an ending. */
  entry(name: string): string;
} = {
  files: [sources, path.join(app, "node_modules"), path.join(app, "package.json")],
  entry: (name) => path.join(sources, "main", `${name}${ending}`),
};
