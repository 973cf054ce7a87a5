import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Duration } from "../core/kernel/instant.ts";
import { type CheckJail, eicar, JAIL_FDS, jailArguments, jailCommand } from "./check-jail.ts";

/** Bytes of a check's output that are kept; one that says more is ended. */
const MOST_OUTPUT = 256 * 1024;
/** Bytes of what bubblewrap says of itself: two short lines. */
const MOST_STATUS = 4_096;

/** How a check in a jail ended. `exited`: by itself, with a code. `no-jail`: it was never started. */
export interface JailEnd {
  readonly how: "exited" | "killed" | "timed-out" | "too-much-output" | "no-jail";
  readonly code: number;
  readonly output: string;
}

/** Runs a command in a jail to its end, within its time and output. Whatever it does is an answer; it never throws. */
export async function runInJail(jail: CheckJail, time: Duration, signal: AbortSignal): Promise<JailEnd> {
  const [program = "", ...args] = jailCommand(jail);
  const child = spawn(program, args, {
    env: { PATH: "/usr/bin:/usr/sbin:/bin:/sbin" },
    cwd: "/",
    // A group of its own, so that all of it can be ended at once.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
  });
  let stopped: JailEnd["how"] | null = null;
  const end = (how: JailEnd["how"]): void => {
    stopped ??= how;
    killGroup(child);
  };
  const timer = setTimeout(() => end("timed-out"), time);
  const cancel = (): void => end("killed");
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  const output = collect([child.stdout, child.stderr], MOST_OUTPUT, () => end("too-much-output"));
  const lines: readonly (Readable | Writable | null | undefined)[] = child.stdio;
  const status = collect([lines[JAIL_FDS.status] as Readable | null], MOST_STATUS, () => end("killed"));
  give(lines[JAIL_FDS.args] as Writable | null, jailArguments(jail));
  give(lines[JAIL_FDS.sample] as Writable | null, Buffer.from(eicar()));
  const closed = Promise.withResolvers<void>();
  child.once("error", () => closed.resolve());
  child.once("close", () => closed.resolve());
  await closed.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", cancel);
  const said = output().toString("utf8");
  if (stopped !== null) return { how: stopped, code: -1, output: said };
  return { ...exitOf(status().toString("latin1")), output: said };
}

/**
 * bubblewrap writes one JSON object when the child has begun and one with its exit code. Its own exit code cannot tell
 * a child that ended with 1 from a jail that could not be made.
 */
function exitOf(status: string): Pick<JailEnd, "how" | "code"> {
  if (!/"child-pid"/.test(status)) return { how: "no-jail", code: -1 };
  const code = /"exit-code"\s*:\s*(\d{1,3})/.exec(status)?.[1];
  return code === undefined ? { how: "killed", code: -1 } : { how: "exited", code: Number(code) };
}

function collect(streams: readonly (Readable | null)[], most: number, over: () => void): () => Buffer {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (const stream of streams) {
    stream?.on("error", () => {});
    stream?.on("data", (piece: Buffer) => {
      if (bytes >= most) return;
      pieces.push(piece.subarray(0, most - bytes));
      bytes += piece.length;
      if (bytes >= most) over();
    });
  }
  return () => Buffer.concat(pieces);
}

function give(stream: Writable | null, bytes: Buffer): void {
  // A jail that could not be made reads nothing.
  stream?.on("error", () => {});
  stream?.end(bytes);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself in the meantime.
  }
}
