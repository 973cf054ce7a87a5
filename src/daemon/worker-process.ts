import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { FrameHandler } from "../wire/frame.ts";
import type { Lane } from "../wire/lane.ts";
import { lanePair } from "../wire/lane-pair.ts";
import type { Confine, Jail } from "./jails.ts";

export interface WorkerRole {
  readonly jail: Jail;
  /** The file that the process runs. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly lanes: number;
  /** Descriptors handed over after the lanes. */
  readonly inherits: readonly number[];
}

/** A process that dies young is started again only after a pause, which doubles up to this. */
const LONGEST_PAUSE: Duration = 30 * SECOND;
const FIRST_PAUSE: Duration = 100;
/** A process that lived so long died of something new. */
const LONG_LIFE: Duration = MINUTE;

export interface WorkerState {
  readonly role: string;
  readonly pid: number | null;
  readonly restarts: number;
  readonly state: "running" | "idle" | "waiting" | "stopped";
}

/**
 * One confined child process and its lanes. It is started when first needed; when it dies, whoever holds a lane learns
 * of it, and the next start waits its turn.
 */
export class WorkerProcess {
  readonly role: WorkerRole;
  readonly #confine: Confine;
  #child: ChildProcess | null = null;
  #starts = 0;
  #startedAt = 0;
  #pause: Duration = 0;
  #stopped = false;
  #waiting = false;

  constructor(role: WorkerRole, confine: Confine) {
    this.role = role;
    this.#confine = confine;
  }

  get state(): WorkerState {
    const running = this.#child !== null;
    const state = this.#stopped ? "stopped" : running ? "running" : this.#waiting ? "waiting" : "idle";
    return { role: this.role.jail.role, pid: this.#child?.pid ?? null, restarts: Math.max(0, this.#starts - 1), state };
  }

  /**
   * Starts the process, after its pause, with a handler for each lane; `onExit` is called once when it is gone. Throws
   * `daemon.stopping` once it was stopped: a process started behind the back of `stop` would outlive us.
   */
  async start(handlers: readonly FrameHandler[], onExit: () => void): Promise<readonly Lane[]> {
    if (this.#pause > 0) {
      this.#waiting = true;
      await new Promise((resolve) => setTimeout(resolve, this.#pause).unref());
      this.#waiting = false;
    }
    const pairs = await Promise.all(handlers.map((handler) => lanePair(handler)));
    if (this.#stopped) {
      for (const { ours, theirs } of pairs) {
        ours.close();
        theirs.destroy();
      }
      throw new Failure("daemon.stopping", `the ${this.role.jail.role} process was stopped`, { retry: "later" });
    }
    const command = this.#confine(this.role.jail, [process.execPath, this.role.entry, ...this.role.args]);
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      // Nothing of our environment: a worker needs none of it, and must not read what is in it.
      env: {},
      cwd: "/",
      stdio: ["ignore", "ignore", "inherit", ...pairs.map(({ theirs }) => theirs), ...this.role.inherits],
    });
    for (const { theirs } of pairs) theirs.destroy();
    this.#child = child;
    this.#starts += 1;
    this.#startedAt = performance.now();
    child.once("error", () => this.#ended(child, onExit));
    child.once("exit", () => this.#ended(child, onExit));
    return pairs.map(({ ours }) => ours);
  }

  #ended(child: ChildProcess, onExit: () => void): void {
    if (this.#child !== child) return;
    this.#child = null;
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived > LONG_LIFE ? 0 : Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, this.#pause * 2));
    onExit();
  }

  /** Ends a process that broke its word or does not answer. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Waits for a process that was told to end (by its lanes), and ends it when it takes longer than `patience`. */
  async stop(patience: Duration): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), patience);
    await gone;
    clearTimeout(timer);
  }
}
