import { type ChildProcess, spawn } from "node:child_process";
import { Readable } from "node:stream";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { FrameHandler } from "../wire/frame.ts";
import type { Lane } from "../wire/lane.ts";
import { type LanePair, lanePair } from "../wire/lane-pair.ts";
import type { Confine, Jail } from "./jails.ts";

export interface WorkerRole {
  readonly jail: Jail;
  /** Flags of the runtime that are no walls. */
  readonly runtime?: readonly string[];
  /** The file that the process runs. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly lanes: number;
  /** Bytes of one message that it may send: one that was taken over must not fill our memory. */
  readonly mostMessageBytes: number;
  /** Pipes handed over after the lanes, to write into: who reads each, of every process that is started. */
  readonly inherits: readonly ((from: Readable) => void)[];
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
  /** Cuts the pause before a start short, while there is one. */
  #hurry: (() => void) | null = null;
  /** Resolves when the present process is gone. */
  #gone: Promise<void> = Promise.resolve();

  constructor(role: WorkerRole, confine: Confine) {
    this.role = role;
    this.#confine = confine;
  }

  /** The number that the first of the sockets handed to `start` will have. */
  get firstSocket(): number {
    return 3 + this.role.lanes + this.role.inherits.length;
  }

  get state(): WorkerState {
    const running = this.#child !== null;
    const state = this.#stopped ? "stopped" : running ? "running" : this.#hurry !== null ? "waiting" : "idle";
    return { role: this.role.jail.role, pid: this.#child?.pid ?? null, restarts: Math.max(0, this.#starts - 1), state };
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
    const pairs: LanePair[] = [];
    try {
      for (const handler of handlers) pairs.push(await lanePair(handler, this.role.mostMessageBytes));
      if (this.#stopped)
        throw new Failure("daemon.stopping", `the ${this.role.jail.role} process was stopped`, { retry: "later" });
      this.#spawn(pairs, onExit, sockets);
      return pairs.map(({ ours }) => ours);
    } catch (cause) {
      for (const { ours } of pairs) ours.close();
      throw this.#notStarted(cause);
    } finally {
      for (const { theirs } of pairs) theirs.destroy();
    }
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

  #spawn(pairs: readonly LanePair[], onExit: () => void, sockets: readonly number[]): void {
    const plain = [process.execPath, ...(this.role.runtime ?? []), this.role.entry, ...this.role.args];
    const command = this.#confine(this.role.jail, plain, this.firstSocket + sockets.length);
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      // Nothing of our environment: a worker needs none of it, and must not read what is in it.
      env: {},
      cwd: "/",
      stdio: [
        "ignore",
        "ignore",
        "inherit",
        ...pairs.map(({ theirs }) => theirs),
        ...this.role.inherits.map(() => "pipe" as const),
        ...sockets,
      ],
    });
    this.#starts += 1;
    this.#startedAt = performance.now();
    // What could not be started is told apart only by having no id; its error comes too late for whoever waits here.
    child.once("error", () => {});
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    this.#child = child;
    this.role.inherits.forEach((read, at) => {
      const from = child.stdio.at(3 + pairs.length + at);
      if (from instanceof Readable) read(from);
    });
    const gone = Promise.withResolvers<void>();
    this.#gone = gone.promise;
    child.once("exit", () => {
      this.#child = null;
      this.#lengthenPause();
      onExit();
      gone.resolve();
    });
  }

  #lengthenPause(): void {
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived > LONG_LIFE ? 0 : Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, this.#pause * 2));
  }

  /** No descriptor, no memory, no process and no room in the folder for sockets are the world's, and may pass. */
  #notStarted(cause: unknown): Failure {
    if (cause instanceof Failure) return cause;
    this.#startedAt = performance.now();
    this.#lengthenPause();
    const why = cause instanceof Error ? cause.message : "unknown";
    const detail = `the ${this.role.jail.role} process could not be started: ${why}`;
    return new Failure("worker.died", detail, { retry: "later", cause });
  }

  /** Ends a process that broke its word or does not answer. */
  kill(): void {
    this.#child?.kill("SIGKILL");
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
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), patience);
    await this.#gone;
    clearTimeout(timer);
  }
}
