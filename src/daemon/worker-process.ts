import { Failure } from "../core/kernel/errors.ts";
import { type Duration, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { FrameHandler } from "../wire/frame.ts";
import type { Lane } from "../wire/lane.ts";
import type { Level } from "./jails.ts";
import type { ProcessStarter, StartedProcess, WorkerRole } from "./process-starter.ts";

/** A process that dies young is started again only after a pause, which doubles up to this. */
const LONGEST_PAUSE: Duration = 30 * SECOND;
const FIRST_PAUSE: Duration = 100;
/** A process that lived so long died of something new. */
const LONG_LIFE: Duration = MINUTE;

export interface WorkerState {
  readonly role: string;
  readonly pid: number | null;
  readonly restarts: number;
  /** How far it is confined, as the kernel tells it; `null`: none runs. */
  readonly level: Level | null;
  readonly state: "running" | "idle" | "waiting" | "stopped";
}

/**
 * One confined process and its lanes. It is started when first needed; when it dies, whoever holds a lane learns
 * of it, and the next start waits its turn.
 */
export class WorkerProcess {
  readonly role: WorkerRole;
  readonly #starter: ProcessStarter;
  #running: StartedProcess | null = null;
  /** Resolves when the start under way, where there is one, has come to its end. */
  #starting: Promise<void> = Promise.resolve();
  #starts = 0;
  #startedAt = 0;
  #pause: Duration = 0;
  #stopped = false;
  /** Cuts the pause before a start short, while there is one. */
  #hurry: (() => void) | null = null;
  /** Resolves when the present process is gone. */
  #gone: Promise<void> = Promise.resolve();

  constructor(role: WorkerRole, starter: ProcessStarter) {
    this.role = role;
    this.#starter = starter;
  }

  /** The number that the first of the sockets handed to `start` will have. */
  get firstSocket(): number {
    return 3 + this.role.lanes + this.role.inherits.length;
  }

  get state(): WorkerState {
    const running = this.#running;
    const { role } = this.role.jail;
    return {
      role,
      pid: running?.pid ?? null,
      restarts: Math.max(0, this.#starts - 1),
      level: running?.level() ?? null,
      state: this.#stopped ? "stopped" : running !== null ? "running" : this.#hurry !== null ? "waiting" : "idle",
    };
  }

  /**
   * Starts the process, when the one before is gone and after its pause, with a handler for each lane; `onExit` is
   * called once when it is gone; `sockets` are handed over behind all else. Throws `worker.died` when the system lets none be started, `daemon.stopping` once it
   * was stopped: a process started behind the back of `stop` would outlive us.
   */
  async start(
    handlers: readonly FrameHandler[],
    onExit: () => void,
    sockets: readonly number[] = [],
  ): Promise<readonly Lane[]> {
    await this.#gone;
    if (this.#pause > 0 && !this.#stopped) await this.#rest();
    try {
      this.#orStopped();
      const starting = this.#starter.start(this.role, handlers, sockets);
      this.#starting = starting.then(nothing, nothing);
      const started = await starting;
      this.#up(started, onExit);
      // It may have been stopped while systemd was starting this one.
      if (this.#stopped) started.kill();
      this.#orStopped();
      return started.lanes;
    } catch (cause) {
      throw this.#notStarted(cause);
    }
  }

  #orStopped(): void {
    if (!this.#stopped) return;
    throw new Failure("daemon.stopping", `the ${this.role.jail.role} process was stopped`, { retry: "later" });
  }

  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#pause).unref();
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = null;
  }

  #up(started: StartedProcess, onExit: () => void): void {
    this.#starts += 1;
    this.#startedAt = performance.now();
    this.#running = started;
    this.#gone = this.#watch(started, onExit);
  }

  async #watch(started: StartedProcess, onExit: () => void): Promise<void> {
    await started.gone;
    this.#running = null;
    this.#lengthenPause();
    onExit();
  }

  #lengthenPause(): void {
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived > LONG_LIFE ? 0 : Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, this.#pause * 2));
  }

  /** No descriptor, no memory, no process and no room in the folder for sockets are the world's, and may pass. */
  #notStarted(cause: unknown): Failure {
    if (cause instanceof Failure && cause.code === "daemon.stopping") return cause;
    this.#startedAt = performance.now();
    this.#lengthenPause();
    if (cause instanceof Failure) return cause;
    const why = cause instanceof Error ? cause.message : "unknown";
    const detail = `the ${this.role.jail.role} process could not be started: ${why}`;
    return new Failure("worker.died", detail, { retry: "later", cause });
  }

  /** Ends a process that broke its word or does not answer. */
  kill(): void {
    this.#running?.kill();
  }

  /** As `kill`; resolves when the process is gone. */
  async end(): Promise<void> {
    this.kill();
    await this.#gone;
  }

  /** Waits for a process that was told to end (by its lanes), and ends it when it takes longer than `patience`. */
  async stop(patience: Duration): Promise<void> {
    this.#stopped = true;
    this.#hurry?.();
    await this.#starting;
    const running = this.#running;
    if (running === null) return;
    const timer = setTimeout(() => running.kill(), patience);
    await this.#gone;
    clearTimeout(timer);
  }
}

function nothing(): void {}
