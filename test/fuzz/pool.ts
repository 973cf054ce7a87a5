import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { execute, type FuzzBounds, type FuzzFault, type FuzzSums } from "./execute.ts";
import type { MakeTarget } from "./target.ts";

/** A share of a target's executions: `from` up to and without `to`. */
export interface FuzzJob {
  readonly target: string;
  readonly from: number;
  readonly to: number;
}

export interface FuzzRun {
  /** The program that a child runs; it must come to `serveFuzzChild`. */
  readonly script: string;
  readonly jobs: readonly FuzzJob[];
  readonly processes: number;
  readonly seed: number;
  readonly bounds: FuzzBounds;
  /** Milliseconds without a new execution after which a child is killed. */
  readonly hang: number;
  readonly folder: string;
  readonly done?: (job: FuzzJob, sums: FuzzSums) => void;
}

interface Order extends FuzzJob {
  readonly seed: number;
  readonly bounds: FuzzBounds;
  readonly folder: string;
  /** Where the child keeps the input that it runs: a number, a length, the bytes. */
  readonly current: string;
}

const HEAD_BYTES = 16;

/**
 * Runs the jobs in child processes, so many at once. A child that goes on with nothing, or dies, is a fault with the
 * input that it was at; the rest of its job goes to the next child.
 */
export async function runFuzzPool(run: FuzzRun): Promise<ReadonlyMap<string, FuzzSums>> {
  const waiting = [...run.jobs];
  const sums = new Map<string, FuzzSums>();
  const lane = async (number: number): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const order = { ...job, ...run, current: path.join(run.folder, `current-${number}`) };
      const { result, rest } = await runChild(run, order);
      sums.set(job.target, added(sums.get(job.target), result));
      run.done?.(job, result);
      // A target in which every other input hangs would take the day: ten are enough to go by.
      if (rest !== null && (sums.get(job.target)?.faults.length ?? 0) < 10) waiting.unshift(rest);
    }
  };
  await Promise.all(Array.from({ length: run.processes }, (_, number) => lane(number)));
  return sums;
}

interface Ended {
  readonly result: FuzzSums;
  /** What of the job is left after the input that stopped it. */
  readonly rest: FuzzJob | null;
}

async function runChild(run: FuzzRun, order: Order): Promise<Ended> {
  writeFileSync(order.current, Buffer.alloc(HEAD_BYTES));
  const child = fork(run.script, ["--child"], { serialization: "advanced" });
  const { target, from, to, seed, bounds, folder, current } = order;
  child.send({ target, from, to, seed, bounds, folder, current } satisfies Order);
  let result: FuzzSums | null = null;
  child.on("message", (sums: FuzzSums) => {
    result = sums;
  });
  const watch = watchdog(child, order, run.hang);
  const how = await new Promise<string>((resolve) => {
    child.on("exit", (code, signal) => resolve(`exit code ${code}, signal ${signal}`));
  });
  clearInterval(watch.timer);
  if (result !== null) return { result, rest: null };
  return stopped(order, watch.hung() ? "hang" : "died", watch.hung() ? `nothing for ${run.hang} ms` : how);
}

/** Kills the child when its execution is the same as a whole interval ago. */
function watchdog(
  child: ChildProcess,
  { current }: Order,
  hang: number,
): { readonly timer: NodeJS.Timeout; readonly hung: () => boolean } {
  let last = -1;
  let hung = false;
  const timer = setInterval(() => {
    const at = readCurrent(current).count;
    // Zero: still making its corpus, in which nothing of a stranger's is read.
    hung = at === last && at > 0;
    last = at;
    if (hung) child.kill("SIGKILL");
  }, hang);
  return { timer, hung: () => hung };
}

function stopped(order: Order, kind: "hang" | "died", detail: string): Ended {
  const { target, seed, from, to } = order;
  const { count, input } = readCurrent(order.current);
  const at = from + Math.max(0, count - 1);
  const file = count === 0 ? "" : path.join(order.folder, `${target}-${kind}-${seed}-${at}.bin`);
  if (file !== "") writeFileSync(file, input);
  const fault: FuzzFault = { kind, target, at, seed, detail, file };
  // Of those before it the child had not yet told which were taken: they count as run and no more.
  const result = { executions: count, accepted: 0, refused: 0, slowest: 0, peak: 0, faults: [fault] };
  // A child that dies before its first input would do so for ever.
  return { result, rest: count === 0 || at + 1 >= to ? null : { target, from: at + 1, to } };
}

function readCurrent(file: string): { readonly count: number; readonly input: Uint8Array } {
  const descriptor = openSync(file, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(descriptor, head, 0, HEAD_BYTES, 0);
    const input = Buffer.alloc(head.readUInt32LE(8));
    readSync(descriptor, input, 0, input.length, HEAD_BYTES);
    return { count: head.readUInt32LE(0), input };
  } finally {
    closeSync(descriptor);
  }
}

function added(held: FuzzSums | undefined, more: FuzzSums): FuzzSums {
  if (held === undefined) return more;
  return {
    executions: held.executions + more.executions,
    accepted: held.accepted + more.accepted,
    refused: held.refused + more.refused,
    slowest: Math.max(held.slowest, more.slowest),
    peak: Math.max(held.peak, more.peak),
    faults: [...held.faults, ...more.faults],
  };
}

/** A child's whole life: one job, each input written down before it is run. */
export async function serveFuzzChild(targets: Readonly<Record<string, MakeTarget>>): Promise<void> {
  const order = await new Promise<Order>((resolve) => process.once("message", (message: Order) => resolve(message)));
  const make = targets[order.target];
  if (make === undefined) throw new Error(`no target ${order.target}`);
  const descriptor = openSync(order.current, "r+");
  const head = Buffer.alloc(HEAD_BYTES);
  const sums = await execute(await make(), {
    ...order,
    name: order.target,
    before(at, input): void {
      head.writeUInt32LE(at - order.from + 1, 0);
      head.writeUInt32LE(input.length, 8);
      writeSync(descriptor, Buffer.concat([head, input]), 0, HEAD_BYTES + input.length, 0);
    },
  });
  closeSync(descriptor);
  const told = new Promise<void>((resolve) => {
    process.send?.(sums, undefined, undefined, () => resolve());
  });
  await told;
  process.disconnect?.();
}
