import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/**
 * The real daemon, but that it kills itself, as `kill -9` would, when it comes to a named step of a write for the nth
 * time: `keeper.ts --config FILE --house DIR [--die-at STEP --nth N]`, DIR being `src/main` or the release's `dist/main`.
 * No switch of the product's own does such a thing.
 */
const { values } = parseArgs({
  options: {
    config: { type: "string" },
    house: { type: "string", default: path.join(import.meta.dirname, "../../src/main") },
    "die-at": { type: "string" },
    nth: { type: "string", default: "1" },
  },
});
const ending = values.house.includes("dist") ? ".js" : ".ts";
const load = (name: string): Promise<unknown> => import(pathToFileURL(path.join(values.house, name + ending)).href);
await load("thread-pool");
const { openHouse } = (await load("open-house")) as typeof import("../../src/main/open-house.ts");
const { loadConfigHere } = (await load("load-config")) as typeof import("../../src/main/load-config.ts");

const { config } = await loadConfigHere(values.config ?? null);
let left = Number(values.nth);
const onBug = (error: unknown): void => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(70);
};
const house = await openHouse({
  config,
  atStep: (step) => {
    if (step !== values["die-at"]) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, "SIGKILL");
  },
  echo: (line) => process.stderr.write(`${line}\n`),
  onBug,
});
process.on("SIGTERM", () => void house.stop().then(() => process.exit(0), onBug));
