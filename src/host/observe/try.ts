import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { FromTheProgram } from "../../core/observed/judge-trial.ts";
import { runHere } from "../programs.ts";
import { endGuard, startGuard } from "../unit-trial.ts";
import type { Filmed } from "./film-wish.ts";
import { TRACER, traceFilm, tracerOf } from "./trace.ts";

/** A program that runs under its profile, and is filmed while it does. */
export interface TryWish {
  readonly command: readonly [string, ...string[]];
  readonly unit: string;
  readonly cwd: string;
  /** What starts our own launcher with the trial's policy: where systemd does not run. */
  readonly launcher: readonly string[];
  readonly duration: number | null;
}

export interface Tried extends Filmed {
  readonly by: "systemd" | "launcher";
}

const SYSTEMCTL = ["/usr/bin/systemctl", "/bin/systemctl"];
const UNITS = "/run/systemd/system";
/** How long systemd has to begin with a unit, and strace to take hold of it. */
const PATIENCE = 10_000;
const STEP = 20;

/** Runs a command under its profile and films it. Throws `trial.unavailable` where there is no way, `film.failed` where it did not begin. */
export async function tryHere(wish: TryWish, write: (line: string) => void, stop: AbortSignal): Promise<Tried> {
  if (!existsSync(TRACER)) throw new Failure("trial.unavailable", "needs strace, which shows what is refused");
  const ends = wish.duration === null ? stop : AbortSignal.any([stop, AbortSignal.timeout(wish.duration)]);
  const isRoot = process.geteuid?.() === 0;
  if (existsSync(UNITS) && existsSync("/run/systemd/private") && isRoot)
    return { by: "systemd", ...(await tryBySystemd(wish, write, ends)) };
  const gate = new FromTheProgram(wish.command[0]);
  const filmed = await traceFilm(
    { command: [...wish.launcher, ...wish.command], pids: [], cwd: wish.cwd, duration: null, poll: null },
    new Map(),
    write,
    ends,
    { takes: (seen) => gate.takes(seen), begun: async () => undefined },
  );
  if (filmed === null) throw new Failure("film.failed", "strace may not trace here");
  return { by: "launcher", ...filmed };
}

/**
 * The unit as it is, but for its standard input: a pipe that nobody writes to yet. systemd's child waits at it before it puts up any wall; there
 * strace takes hold of it, and then it goes on. So the program is seen from its first call, and has nothing that the unit does not give.
 */
async function tryBySystemd(
  { command, unit }: TryWish,
  write: (line: string) => void,
  ends: AbortSignal,
): Promise<Filmed> {
  const name = `ringfort-try-${randomBytes(4).toString("hex")}.service`;
  const file = path.join(UNITS, name);
  mkdirSync("/run/ringfort-try", { recursive: true, mode: 0o700 });
  chmodSync("/run/ringfort-try", 0o700);
  const folder = mkdtempSync("/run/ringfort-try/");
  const gate = path.join(folder, "gate");
  execFileSync("/usr/bin/mkfifo", ["-m", "600", gate], { env: {} });
  // Whatever becomes of this process, the unit is stopped and gone.
  const guard = await startGuard(name, "");
  const own = `\n[Service]\nStandardInput=file:${gate}\nRestart=no\nTimeoutStartSec=infinity\nTimeoutStopSec=5\n`;
  try {
    writeFileSync(file, unit.replace(/\n\[Install\][\s\S]*$/, "\n") + own);
    systemctl("daemon-reload");
    systemctl("start", "--no-block", name);
    const pid = await until(() => mainProcess(name), "systemd did not start it");
    const from = new FromTheProgram(command[0]);
    const known = new Map([[pid, { uid: 0, program: "systemd", cwd: "/" }]]);
    const filmed = await traceFilm(
      { command: null, pids: [pid], cwd: "/", duration: null, poll: null },
      known,
      write,
      ends,
      {
        takes: (seen) => from.takes(seen),
        begun: async (tracer) => {
          await until(() => (tracerOf(pid) === tracer ? pid : null), "strace could not take hold of it");
          await until(() => letIn(gate), "it did not wait");
        },
      },
    );
    if (filmed === null) throw new Failure("film.failed", `it ended before ${command[0]} began: ${saidOf(name)}`);
    const code = /^ExecMainStatus=(\d+)$/m.exec(shown(name))?.[1];
    const running = /^ActiveState=active$/m.test(shown(name));
    return { ...filmed, exit: running || code === undefined ? null : Number(code) };
  } finally {
    await endGuard(guard);
    rmSync(folder, { recursive: true, force: true });
  }
}

function systemctl(...args: readonly string[]): void {
  const ran = runHere(SYSTEMCTL, args);
  if ("unknown" in ran) throw new Failure("film.failed", ran.unknown);
}

function shown(name: string): string {
  const text = runHere(SYSTEMCTL, ["show", name, "-p", "MainPID,ExecMainStatus,ActiveState,Result,StatusText"]);
  return "is" in text ? text.is : "";
}

function mainProcess(name: string): number | null {
  const pid = Number(/^MainPID=(\d+)$/m.exec(shown(name))?.[1] ?? "0");
  return pid === 0 ? null : pid;
}

function saidOf(name: string): string {
  const result = /^Result=(.*)$/m.exec(shown(name))?.[1] ?? "";
  const text = runHere(["/usr/bin/journalctl"], ["-u", name, "-n", "5", "--no-pager", "-o", "cat"]);
  return quoteOutside(`${result} ${"is" in text ? text.is.trim() : ""}`, 500);
}

/** Whoever waits at the pipe for a writer goes on, and then reads its end. */
function letIn(gate: string): true | null {
  try {
    closeSync(openSync(gate, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    // ENXIO: nobody waits yet.
    return null;
  }
}

async function until<T>(look: () => T | null, otherwise: string): Promise<T> {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = look();
    if (found !== null) return found;
    await wait(STEP);
  }
  throw new Failure("film.failed", otherwise);
}
