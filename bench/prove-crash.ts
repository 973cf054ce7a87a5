import { parseArgs } from "node:util";
import { proveCrash } from "../test/crash/prove.ts";
import { buildRelease } from "./release.ts";
import { conclude, machine, say, table } from "./report.ts";

/** `npm run prove:crash`: kill -9 at random moments and at every named step of a write; `--kills`, `--rounds`, `--seed`, `--vendor`. */
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    seed: { type: "string" },
    vendor: { type: "string", default: "directory" },
  },
});
if (values.vendor !== "directory" && values.vendor !== "liveupdate")
  throw new Error("--vendor directory or liveupdate");
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
say(`${machine()}\nseed ${seed}`);
const report = await proveCrash({
  randomKills: Number(values.kills),
  stepRounds: Number(values.rounds),
  seed,
  house: await buildRelease(),
  progress: say,
  vendor: values.vendor,
});
say(
  `\n${table(["kill -9", "times"], [["at random moments", String(report.randomKills)], ["  of these, in the middle of an act", String(report.interrupted)], ...Object.entries(report.stepKills).map(([step, times]) => [`at ${step}`, String(times)])])}`,
);
say(
  `\n${table(
    ["after each restart", "seen"],
    [
      ["restarts, each by itself", String(report.restarts)],
      ["served files hashed", String(report.servedChecked)],
      ["faults", String(report.faults.length)],
    ],
  )}`,
);
for (const fault of report.faults.slice(0, 20)) say(`fault: ${fault}`);
conclude({ proof: "crash", ...report, faults: report.faults.length }, report.faults.length === 0);
