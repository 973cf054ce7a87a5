import "../../src/main/thread-pool.ts";
import process from "node:process";
import { parseArgs } from "node:util";
import { loadConfigHere } from "../../src/main/load-config.ts";
import { openHouse } from "../../src/main/open-house.ts";

/**
 * The real daemon, but that it kills itself, as `kill -9` would, when it comes to a named step of a write for the nth
 * time: `keeper.ts --config FILE [--die-at STEP --nth N]`. No switch of the product's own does such a thing.
 */
const { values } = parseArgs({
  options: { config: { type: "string" }, "die-at": { type: "string" }, nth: { type: "string", default: "1" } },
});
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
