import { Failure } from "../core/kernel/errors.ts";
import { type Duration, SECOND } from "../core/kernel/instant.ts";
import type { FrameHandler } from "../wire/frame.ts";
import type { Lane } from "../wire/lane.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** How long a worker has to close a job that was called off; then it is taken for hung, or for taken over. */
const CANCEL_LIMIT = 5 * SECOND;

/** One job on one lane. */
export interface Job {
  readonly request: unknown;
  /** The longest that it may take; then the worker is ended. */
  readonly limit: Duration;
  /** Called with the lane when the job has been sent, and with what calls the job off. */
  started?(lane: Lane, cancel: () => void): void;
  /** Takes one answer; `true` when it closes the job. */
  message(value: unknown, lane: Lane): boolean;
  data(piece: Uint8Array, lane: Lane): void;
}

/** One place for a job: a lane where the process is up, and the job that has it. */
interface Berth {
  lane: Lane | null;
  job: { readonly job: Job; readonly resolve: () => void; readonly reject: (error: Failure) => void } | null;
}

/** Shares the lanes of one worker process among jobs, first come, first served. */
export class JobLanes {
  readonly worker: WorkerProcess;
  readonly #berths: readonly Berth[];
  readonly #free: Set<Berth>;
  readonly #queue: ((berth: Berth) => void)[] = [];
  #up: Promise<void> | null = null;
  /** Set while a process that we ended is not yet gone. */
  #ending: PromiseWithResolvers<void> | null = null;

  constructor(worker: WorkerProcess) {
    this.worker = worker;
    this.#berths = Array.from({ length: worker.role.lanes }, () => ({ lane: null, job: null }));
    this.#free = new Set(this.#berths);
  }

  /** Runs one job to its closing answer. Rejects with `worker.died` when the process goes away under it. */
  async run(job: Job): Promise<void> {
    const berth = await this.#berth();
    try {
      await this.#ending?.promise;
      await this.#start();
      await this.#talk(berth, job);
    } finally {
      berth.job = null;
      const next = this.#queue.shift();
      if (next === undefined) this.#free.add(berth);
      else next(berth);
    }
  }

  /** Brings the process up before there is a job for it. */
  async warm(): Promise<void> {
    await this.#start();
  }

  /** Ends the process: its lanes close, and that is its sign. */
  async stop(): Promise<void> {
    for (const berth of this.#berths) {
      const { lane } = berth;
      // Let go of first: a lane that closes by itself has its process killed.
      berth.lane = null;
      lane?.close();
    }
    await this.worker.stop(2 * SECOND);
  }

  async #berth(): Promise<Berth> {
    for (const berth of this.#free) {
      this.#free.delete(berth);
      return berth;
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  #start(): Promise<void> {
    this.#up ??= this.#bringUp().catch((error: unknown) => {
      this.#up = null;
      throw error;
    });
    return this.#up;
  }

  async #bringUp(): Promise<void> {
    const lanes = await this.worker.start(
      this.#berths.map((berth) => this.#handler(berth)),
      () => this.#lost(),
    );
    for (const [index, lane] of lanes.entries()) {
      const berth = this.#berths[index];
      if (berth !== undefined) berth.lane = lane;
      lane.onClose((cause) => {
        if (berth?.lane !== lane) return;
        // Bytes that are no frames end the lane; a lane that only went away is the sign of a process that is dying.
        if (cause instanceof Failure) this.#breach(berth, cause);
        else this.#end();
      });
      lane.unref();
    }
  }

  /** Ends a process that broke its word. Until it is gone its lanes take no job: it would die of another's fault. */
  #end(): void {
    if (this.#up !== null) this.#ending ??= Promise.withResolvers();
    this.worker.kill();
  }

  #lost(): void {
    this.#up = null;
    this.#ending?.resolve();
    this.#ending = null;
    for (const berth of this.#berths) {
      berth.lane?.close();
      berth.lane = null;
      berth.job?.reject(
        new Failure("worker.died", `the ${this.worker.role.jail.role} process died while at this job`, {
          retry: "later",
        }),
      );
    }
  }

  #handler(berth: Berth): FrameHandler {
    return {
      message: (value) => {
        const { job, lane } = berth;
        if (lane === null) return;
        // Nobody asked: a worker that talks to itself at our expense.
        if (job === null) return this.#end();
        try {
          if (job.job.message(value, lane)) job.resolve();
        } catch (cause) {
          this.#breach(berth, cause);
        }
      },
      data: (piece) => {
        const { job, lane } = berth;
        if (lane === null) return;
        if (job === null) return this.#end();
        try {
          job.job.data(piece, lane);
        } catch (cause) {
          this.#breach(berth, cause);
        }
      },
    };
  }

  /** A process that says what no worker says is ended: nothing that it may still say is believed. */
  #breach(berth: Berth, cause: unknown): void {
    this.#end();
    const text = `the ${this.worker.role.jail.role} process answered outside its protocol`;
    berth.job?.reject(cause instanceof Failure ? cause : new Failure("worker.protocol", text, { cause }));
  }

  async #talk(berth: Berth, job: Job): Promise<void> {
    const { lane } = berth;
    if (lane === null)
      throw new Failure("worker.died", `the ${this.worker.role.jail.role} process died as it started`, {
        retry: "later",
      });
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        berth.job = { job, resolve, reject };
        const silent = (): void => {
          const detail = `the ${this.worker.role.jail.role} process did not answer in time`;
          reject(new Failure("worker.silent", detail, { retry: "later" }));
          this.#end();
        };
        timer = setTimeout(silent, job.limit);
        lane.send(job.request);
        job.started?.(lane, () => {
          // It may be called off when it has just ended: then there is nobody to wait for, and others have the worker.
          if (berth.job?.job !== job) return;
          lane.send({ kind: "cancel" });
          clearTimeout(timer);
          timer = setTimeout(silent, Math.min(CANCEL_LIMIT, job.limit));
        });
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
