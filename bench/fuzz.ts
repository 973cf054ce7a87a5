import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { FuzzSums } from "../test/fuzz/execute.ts";
import { type FuzzJob, runFuzzPool, serveFuzzChild } from "../test/fuzz/pool.ts";
import { TARGETS } from "../test/fuzz/targets.ts";
import { conclude, machine, say, table } from "./report.ts";

/** Executions of one child: short enough that a fault in the corpus of one does not cost the others much. */
const SHARE = 25_000;
/** Milliseconds, and bytes of a child's resident memory. */
const BOUNDS = { slow: 250, memory: 768 * 1024 * 1024 };
const HANG = 10_000;

/**
 * `npm run fuzz`: broken input for every parser of what strangers write, in child processes. `--executions` in all
 * (1,000,000), `--seed`, `--target` for one alone, `--processes`. An input at which something happens is kept as a file.
 */
const { values } = parseArgs({
  options: {
    executions: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    target: { type: "string" },
    processes: { type: "string", default: "2" },
    child: { type: "boolean", default: false },
  },
});

if (values.child) await serveFuzzChild(TARGETS);
else await fuzz();

async function fuzz(): Promise<void> {
  const seed = Number(values.seed);
  const names = Object.keys(TARGETS).filter((name) => values.target === undefined || name === values.target);
  if (names.length === 0) throw new Error(`--target is one of ${Object.keys(TARGETS).join(", ")}`);
  const each = Math.ceil(Number(values.executions) / names.length);
  const folder = mkdtempSync(path.join(os.tmpdir(), "ringfort-fuzz-"));
  say(`${machine()}\nseed ${seed}, ${each} executions of each of ${names.join(", ")}`);
  const began = performance.now();
  const sums = await runFuzzPool({
    script: fileURLToPath(import.meta.url),
    jobs: jobsOf(names, each),
    processes: Number(values.processes),
    seed,
    bounds: BOUNDS,
    hang: HANG,
    folder,
    done: ({ target, from, to }, { faults }) => say(`${target} ${from}–${to}: ${faults.length} faults`),
  });
  report(names, sums, (performance.now() - began) / 1_000, seed, folder);
}

/** Shares in turn by target, so that two children are seldom at the slow one at once. */
function jobsOf(names: readonly string[], each: number): readonly FuzzJob[] {
  const jobs: FuzzJob[] = [];
  for (let from = 0; from < each; from += SHARE)
    for (const target of names) jobs.push({ target, from, to: Math.min(each, from + SHARE) });
  return jobs;
}

function report(
  names: readonly string[],
  sums: ReadonlyMap<string, FuzzSums>,
  seconds: number,
  seed: number,
  folder: string,
): void {
  const rows = names.flatMap((name) => {
    const sum = sums.get(name);
    if (sum === undefined) return [];
    const { executions, accepted, refused, slowest, peak, faults } = sum;
    const numbers = [executions, accepted, refused, Math.ceil(slowest), Math.ceil(peak / 1e6), faults.length];
    return [[name, ...numbers.map(String)]];
  });
  say(`\n${table(["target", "executions", "accepted", "refused", "slowest ms", "peak MB", "faults"], rows)}`);
  const all = [...sums.values()];
  const faults = all.flatMap((sum) => sum.faults);
  for (const { kind, target, at, detail, file } of faults.slice(0, 20))
    say(`\n${kind} of ${target} at execution ${at} (seed ${seed}), input ${file}\n${detail}`);
  if (faults.length === 0) rmSync(folder, { recursive: true, force: true });
  const executions = all.reduce((sum, { executions: some }) => sum + some, 0);
  const peakBytes = Math.max(...all.map(({ peak }) => peak));
  const slowestMs = Math.max(...all.map(({ slowest }) => slowest));
  const figures = { proof: "fuzz", executions, seconds: Math.round(seconds), slowestMs, peakBytes, seed };
  conclude({ ...figures, faults: faults.length }, faults.length === 0);
}
