import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { Failure, quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { copyOfUnit, sharedWithCopy, type UnitLine } from "../core/units/copy-unit.ts";
import type { ReadUnit } from "./unit-files.ts";

/** Units that are gone with the machine's next start. */
const RUNTIME_UNITS = "/run/systemd/system";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CHECK_TIME = 8_000;
/** Of a command that had to be ended, or that could not be started. */
const NO_END = 255;
const CHECK_TRIES = 3;
const CHECK_PAUSE = 500;

export interface TrialWish {
  readonly unit: ReadUnit;
  /** For how long a copy has to stay up, in milliseconds. */
  readonly settle: number;
  /** A command for a shell that must end with 0 while the copy runs; `null`: staying up is enough. */
  readonly check: string | null;
  /** Whether the running unit may be stopped for the time of the trial. */
  readonly instead: boolean;
  /** Somebody wants it to end. */
  readonly signal: AbortSignal;
}

interface Ran {
  readonly code: number;
  readonly text: string;
}

/** Runs of a copy of one unit. Whatever ends this process, the copy goes and what was stopped is started again. */
export class UnitTrial {
  readonly #wish: TrialWish;
  readonly #copy: string;
  readonly #guard: ChildProcess;

  private constructor(wish: TrialWish, copy: string, guard: ChildProcess) {
    this.#wish = wish;
    this.#copy = copy;
    this.#guard = guard;
  }

  /** Refuses with `unit.running` where a copy would get in the way of the running unit. Throws `host.no-manager`. */
  static async open(wish: TrialWish): Promise<UnitTrial | Refusal> {
    if (process.getuid?.() !== 0) throw new Failure("host.no-manager", "directives are tried as root");
    if (!existsSync(RUNTIME_UNITS)) throw new Failure("host.no-manager", "systemd is not what runs this machine");
    const { name, entries } = wish.unit;
    const state = (await systemctl(["show", "--property=ActiveState", "--value", name])).text.trim();
    const runs = state !== "inactive" && state !== "failed";
    if (runs) {
      const sockets = (await systemctl(["show", "--property=TriggeredBy", "--value", name])).text.trim();
      if (sockets !== "")
        return refuse(
          "unit.running",
          `${name} is started by ${quoteOutside(sockets)}, whose sockets a copy cannot have`,
        );
      const shared = sharedWithCopy(entries);
      if (!wish.instead && shared.length > 0)
        return refuse("unit.running", `${name} runs, and a copy beside it would share ${shared.join(", ")}`);
    }
    const copy = `ringfort-try-${randomBytes(4).toString("hex")}.service`;
    const stopped = runs && wish.instead ? name : "";
    const trial = new UnitTrial(wish, copy, await startGuard(copy, stopped));
    try {
      if (stopped !== "") await must(await systemctl(["stop", stopped]), `stopping ${stopped}`);
    } catch (cause) {
      // The guard would hold this process up, and the unit down.
      await trial.close();
      throw cause;
    }
    return trial;
  }

  /** Starts the copy with these lines behind its own, and tells whether the daemon works. It is stopped again. */
  async run(lines: readonly UnitLine[]): Promise<{ readonly works: boolean; readonly why: string }> {
    const { unit, settle, check, signal } = this.#wish;
    this.#notInterrupted();
    await writeFile(`${RUNTIME_UNITS}/${this.#copy}`, copyOfUnit(unit.entries, unit.name, lines), { mode: 0o600 });
    await must(await systemctl(["daemon-reload"]), "systemctl daemon-reload");
    try {
      const started = await systemctl(["start", this.#copy]);
      if (started.code !== 0) return { works: false, why: `does not start: ${await this.#end()}` };
      await wait(settle, undefined, { signal }).catch(() => this.#notInterrupted());
      if ((await systemctl(["is-active", "--quiet", this.#copy])).code !== 0 && !(await this.#hasDone()))
        return { works: false, why: `does not stay: ${await this.#end()}` };
      if (check === null) return { works: true, why: "" };
      const code = await this.#checked(check);
      return { works: code === 0, why: checkSaid(code) };
    } finally {
      await systemctl(["stop", this.#copy]);
      await systemctl(["reset-failed", this.#copy]);
    }
  }

  /** The check's exit code. A daemon that is up may need a moment more until it answers. */
  async #checked(check: string): Promise<number> {
    for (let tries = 1; ; tries += 1) {
      this.#notInterrupted();
      const { code } = await ran("/bin/sh", ["-c", check], CHECK_TIME);
      if (code === 0 || code === NO_END || tries === CHECK_TRIES) return code;
      await wait(CHECK_PAUSE);
    }
  }

  #notInterrupted(): void {
    if (this.#wish.signal.aborted) throw new Failure("trial.interrupted", `of ${this.#wish.unit.name}`);
  }

  /** What systemd says of the copy's end. */
  async #end(): Promise<string> {
    const { text } = await systemctl(["show", "--property=Result,ExecMainStatus", "--value", this.#copy]);
    return quoteOutside(text.trim().replaceAll("\n", " "), 80);
  }

  /** A oneshot that is done is no longer active, and has not failed. */
  async #hasDone(): Promise<boolean> {
    const { text } = await systemctl(["show", "--property=Type,Result", "--value", this.#copy]);
    return text.includes("oneshot") && text.includes("success");
  }

  /** Ends the trial: everything is as before when this has resolved. */
  async close(): Promise<void> {
    await endGuard(this.#guard);
  }
}

/** Everything is as before when this has resolved. */
export async function endGuard(guard: ChildProcess): Promise<void> {
  guard.stdin?.end();
  if (guard.exitCode === null) await once(guard, "exit");
}

/**
 * A unit of its own that waits for our end of a pipe to close, which the kernel does whatever becomes of us, and then puts everything back.
 * It is there before anything is touched.
 */
export async function startGuard(copy: string, stopped: string): Promise<ChildProcess> {
  const script = [
    "echo ready; cat >/dev/null",
    `systemctl stop "$1" 2>/dev/null; rm -f "${RUNTIME_UNITS}/$1"; systemctl daemon-reload; systemctl reset-failed "$1" 2>/dev/null`,
    'if [ -n "$2" ]; then systemctl start "$2"; fi',
  ].join("\n");
  const guard = spawn(
    "systemd-run",
    [
      "--quiet",
      "--pipe",
      "--collect",
      `--unit=${copy.replace("try", "guard")}`,
      "/bin/sh",
      "-c",
      script,
      "sh",
      copy,
      stopped,
    ],
    // A group of its own: the terminal's interrupt is for us, and the guard outlives us.
    { stdio: ["pipe", "pipe", "ignore"], env: { PATH }, detached: true },
  );
  guard.stdin.on("error", () => {});
  const ready = await Promise.race([
    once(guard.stdout, "data").then(() => true),
    once(guard, "exit").then(() => false),
    once(guard, "error").then(() => false),
    wait(15_000, false),
  ]);
  if (ready) return guard;
  guard.stdin.end();
  await rm(`${RUNTIME_UNITS}/${copy}`, { force: true });
  throw new Failure("host.no-manager", "systemd-run starts nothing here, so nobody would put things back");
}

async function systemctl(args: readonly string[]): Promise<Ran> {
  return ran("systemctl", ["--no-pager", ...args], 60_000);
}

async function ran(program: string, args: readonly string[], timeout: number): Promise<Ran> {
  const options = { env: { PATH, LC_ALL: "C.UTF-8", SYSTEMD_COLORS: "0" }, timeout, maxBuffer: 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : NO_END;
      resolve({ code, text: stdout });
    });
  });
}

function checkSaid(code: number): string {
  if (code === 0) return "";
  return code === NO_END ? `the check does not end in ${CHECK_TIME / 1_000} s` : `the check ends with ${code}`;
}

async function must({ code }: Ran, what: string): Promise<void> {
  if (code !== 0) throw new Failure("host.no-manager", `${what} ended with ${code}`);
}
