import { writeFileSync } from "node:fs";
import path from "node:path";
import { diceOf } from "../fixtures/dice.ts";
import type { FuzzTarget } from "./target.ts";

/** What one execution may take. */
export interface FuzzBounds {
  /** Milliseconds of processor time; what takes longer is run again, and counts when it does so each time. */
  readonly slow: number;
  /** Bytes of resident memory of the process. */
  readonly memory: number;
}

export interface FuzzFault {
  readonly kind: "crash" | "slow" | "hang" | "memory" | "died";
  readonly target: string;
  /** Which execution it was, and the seed of the run. */
  readonly at: number;
  readonly seed: number;
  readonly detail: string;
  /** Where the input was written to; "" when there was none yet. */
  readonly file: string;
}

/** Milliseconds and bytes. */
export interface FuzzSums {
  readonly executions: number;
  readonly accepted: number;
  readonly refused: number;
  readonly slowest: number;
  readonly peak: number;
  readonly faults: readonly FuzzFault[];
}

interface Range {
  readonly name: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly bounds: FuzzBounds;
  /** Where offending inputs are written. */
  readonly folder: string;
  /** Told of every input before it runs: what hangs or kills the process is known then. */
  readonly before: (at: number, input: Uint8Array) => void;
}

const MEMORY_EVERY = 64;
const FAULTS_MOST = 20;

/** Runs executions `from` to `to` (without it) of a target, one after the other. */
export async function execute(target: FuzzTarget, range: Range): Promise<FuzzSums> {
  const { from, to, bounds } = range;
  const faults: FuzzFault[] = [];
  let accepted = 0;
  let slowest = 0;
  let peak = 0;
  let at = from;
  for (; at < to && faults.length < FAULTS_MOST; at += 1) {
    const input = target.input(diceOf(mix(range.seed, range.name, at)));
    range.before(at, input);
    const fault = (kind: FuzzFault["kind"], detail: string): void => {
      faults.push(record(range, at, input, kind, detail));
    };
    try {
      const first = await timed(target, input);
      if (first.taken) accepted += 1;
      // A garbage collection is no slow parser: that one is slow again.
      let { time } = first;
      for (let again = 0; again < 3 && time > bounds.slow; again += 1)
        time = Math.min(time, (await timed(target, input)).time);
      slowest = Math.max(slowest, time);
      if (time > bounds.slow) fault("slow", `${Math.round(time)} ms`);
    } catch (cause) {
      fault("crash", cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    }
    if (at % MEMORY_EVERY !== 0) continue;
    const memory = process.memoryUsage.rss();
    peak = Math.max(peak, memory);
    if (memory <= bounds.memory) continue;
    fault("memory", `${memory} bytes resident`);
    at += 1;
    break;
  }
  const executions = at - from;
  return { executions, accepted, refused: executions - accepted - crashes(faults), slowest, peak, faults };
}

/** Milliseconds of this process's own time, on all of its threads: what else the machine does is no part of it. */
async function timed(
  target: FuzzTarget,
  input: Uint8Array,
): Promise<{ readonly taken: boolean; readonly time: number }> {
  const began = process.cpuUsage();
  const taken = await target.run(input);
  const { user, system } = process.cpuUsage(began);
  return { taken, time: (user + system) / 1_000 };
}

function crashes(faults: readonly FuzzFault[]): number {
  return faults.filter(({ kind }) => kind === "crash").length;
}

/** The seed of one execution: of the run's, the target's name and the number. */
function mix(seed: number, name: string, at: number): number {
  let mixed = seed ^ 0x2545f491;
  for (const value of [...Buffer.from(name), at]) mixed = Math.imul(mixed ^ value, 0x5bd1e995) ^ (mixed >>> 15);
  return mixed;
}

function record(range: Range, at: number, input: Uint8Array, kind: FuzzFault["kind"], detail: string): FuzzFault {
  const file = path.join(range.folder, `${range.name}-${kind}-${range.seed}-${at}.bin`);
  writeFileSync(file, input);
  return { kind, target: range.name, at, seed: range.seed, detail, file };
}
