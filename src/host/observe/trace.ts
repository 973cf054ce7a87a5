import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { SERVICE_ENVIRONMENT } from "../../core/observed/service-environment.ts";
import { type Seen, type TracedProcess, TraceReader } from "../../core/observed/trace.ts";
import { MOST_TRACE_LINE } from "../../core/observed/trace-line.ts";
import { tracedCalls } from "../../core/observed/traced-calls.ts";
import type { Filmed, FilmWish } from "./film-wish.ts";
import { Recording } from "./recorder.ts";

export const TRACER = "/usr/bin/strace";
/** How long a command has to end by itself when it is told to. */
const PATIENCE = 5_000;
const MOST_SAID = 4_096;

/** What a trial adds to a film: which acts are in it, and what is to be done when everything is traced. */
export interface Trial {
  readonly takes: (seen: Seen) => boolean;
  readonly begun: (tracer: number) => Promise<void>;
}

const EVERYTHING: Trial = { takes: () => true, begun: async () => undefined };

/** Films by strace; `null`: it may not trace these processes, and nothing was recorded. */
export async function traceFilm(
  wish: FilmWish,
  known: ReadonlyMap<number, TracedProcess>,
  write: (line: string) => void,
  stop: AbortSignal,
  trial: Trial = EVERYTHING,
): Promise<Filmed | null> {
  const { command, cwd } = wish;
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-film-"));
  try {
    // A pipe with a name: a descriptor that strace inherited would be inherited by the command, too.
    const pipe = path.join(folder, "trace");
    execFileSync("/usr/bin/mkfifo", ["-m", "600", pipe], { env: {} });
    const args = [
      "-f",
      "-q",
      "-ttt",
      "-y",
      "-xx",
      "-s",
      "0",
      "-e",
      "signal=none",
      "-e",
      `trace=${tracedCalls()}`,
      "-o",
      pipe,
    ];
    const what = command === null ? [...known.keys()].flatMap((pid) => ["-p", String(pid)]) : ["--", ...command];
    const tracer = spawn(TRACER, [...args, ...what], {
      cwd,
      env: SERVICE_ENVIRONMENT,
      // A command's own output is no result of ours.
      stdio: [command === null ? "ignore" : "inherit", command === null ? "ignore" : 2, command === null ? "pipe" : 2],
      detached: command !== null,
    });
    const first = { uid: process.geteuid?.() ?? null, program: command?.[0] ?? "", cwd };
    return await follow({ tracer, pipe, first, known, wish, write, stop, trial });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Following {
  readonly tracer: ChildProcess;
  readonly pipe: string;
  readonly first: TracedProcess;
  readonly known: ReadonlyMap<number, TracedProcess>;
  readonly wish: FilmWish;
  readonly write: (line: string) => void;
  readonly stop: AbortSignal;
  readonly trial: Trial;
}

async function follow({ tracer, pipe, first, known, wish, write, stop, trial }: Following): Promise<Filmed | null> {
  let recording: Recording | null = null;
  const begin = (at: number): Recording =>
    new Recording(
      {
        film: 1,
        at,
        method: "trace",
        interval: null,
        command: wish.command?.[0] ?? null,
        uid: [...known.values()][0]?.uid ?? first.uid,
        gid: wish.command === null ? null : (process.getegid?.() ?? null),
      },
      write,
    );
  const seen = new Set<number>(known.keys());
  const reader = new TraceReader(first, known, (act) => {
    seen.add(act.by.pid);
    if (!trial.takes(act)) return;
    recording ??= begin(act.at);
    recording.note(act);
  });
  let said = "";
  tracer.stderr?.on("data", (piece: Buffer) => {
    if (said.length < MOST_SAID) said += piece.toString("utf8");
  });
  const closed = Promise.withResolvers<number | null>();
  tracer.once("error", (cause) => closed.reject(new Failure("film.failed", `strace: ${cause.message}`, { cause })));
  tracer.once("close", (code) => closed.resolve(code));
  const reading = readLines(pipe, (line) => reader.line(line));
  const end = (): void => askToEnd(tracer, wish.command === null, seen);
  if (stop.aborted) end();
  stop.addEventListener("abort", end, { once: true });
  let code: number | null;
  try {
    if (tracer.pid !== undefined) await trial.begun(tracer.pid);
    code = await closed.promise;
  } finally {
    stop.removeEventListener("abort", end);
    letGo(pipe);
    await reading;
  }
  if (recording === null && wish.command === null && code !== 0) return null;
  if (recording === null)
    throw new Failure(
      "film.failed",
      quoteOutside(said.trim(), 500) || "the command did not start, or nothing was seen of it",
    );
  const last = (recording as Recording).end(Date.now(), reader.unread);
  return { method: "trace", end: last, exit: wish.command === null ? null : code };
}

/** strace lets go of processes that it was attached to; a command, and all that it has started, is told to end. */
function askToEnd(tracer: ChildProcess, attached: boolean, seen: ReadonlySet<number>): void {
  if (attached) {
    tracer.kill("SIGINT");
    return;
  }
  const tell = (signal: NodeJS.Signals): void => {
    for (const pid of seen) if (tracerOf(pid) === tracer.pid) process.kill(pid, signal);
  };
  tell("SIGTERM");
  const timer = setTimeout(() => tell("SIGKILL"), PATIENCE);
  tracer.once("close", () => clearTimeout(timer));
}

/** A number that was seen may be another process by now: only one that is still traced by ours is told anything. */
export function tracerOf(pid: number): number | null {
  try {
    return Number(/^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0");
  } catch {
    return null;
  }
}

/** Hands over line by line; of a line that is too long the beginning, which no reader takes. */
async function readLines(pipe: string, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const piece of createReadStream(pipe, { encoding: "latin1", highWaterMark: 256 * 1_024 })) {
    const lines = (rest + String(piece)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    // What goes on is cut at the front of the next piece; it is one line that cannot be read, whatever follows.
    if (rest.length > MOST_TRACE_LINE) rest = rest.slice(0, MOST_TRACE_LINE + 1);
  }
  if (rest !== "") take(rest);
}

/** Whoever waits for a writer of the pipe waits no longer. */
function letGo(pipe: string): void {
  try {
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch {
    // Nobody waits.
  }
}
