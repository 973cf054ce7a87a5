import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import { type FetchJob, fetchRequest } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { LaneTransports, runJob } from "./run-job.ts";
import type { BodyHead, Outlet } from "./transport.ts";

/** The first descriptor after stdin, stdout and stderr. */
const FIRST_LANE = 3;

export interface WorkerOptions {
  readonly userAgent: string;
  /** A clock that never goes back, in milliseconds. */
  readonly now: () => Instant;
  /** Called when the daemon is gone, or has said what no daemon says: the process has nothing left to do. */
  readonly onEnd: (cause: Error | null) => void;
}

/** Adopts the lanes on the descriptors from 3 on and does the fetch jobs that come over them. */
export function serveLanes(count: number, options: WorkerOptions): void {
  for (let fd = FIRST_LANE; fd < FIRST_LANE + count; fd++) {
    const worker = new LaneWorker(options);
    const lane = Lane.adopt(fd, {
      message: (value) => worker.message(lane, value),
      data: () => {
        throw new Failure("worker.protocol", "bytes on a lane that carries jobs");
      },
    });
    lane.onClose((cause) => options.onEnd(cause));
  }
}

/** One lane's jobs, one after the other. */
class LaneWorker {
  readonly #options: WorkerOptions;
  readonly #transports: LaneTransports;
  #underWay: AbortController | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#transports = new LaneTransports(options.userAgent);
  }

  message(lane: Lane, value: unknown): void {
    const request = fetchRequest.safeParse(value);
    if (!request.success) throw new Failure("worker.protocol", "not a fetch request");
    if (request.data.kind === "cancel") {
      // A cancel may cross the end of its job: then there is nothing to do.
      this.#underWay?.abort(new Failure("upstream.cut-off", "cancelled", { retry: "later" }));
      return;
    }
    if (this.#underWay !== null) throw new Failure("worker.protocol", "a second job on a busy lane");
    void this.#run(lane, request.data);
  }

  async #run(lane: Lane, job: FetchJob): Promise<void> {
    const underWay = new AbortController();
    this.#underWay = underWay;
    const outlet = laneOutlet(lane, () => this.#underWay === underWay);
    const answer = await runJob(job, outlet, this.#transports, underWay.signal, this.#options.now);
    // Free before the answer leaves: the next job may come with the answer to it.
    this.#underWay = null;
    lane.send(answer);
  }
}

/** Nothing leaves for a job that is over: the keeper would take it for a breach, or for bytes of the next one. */
function laneOutlet(lane: Lane, underWay: () => boolean): Outlet {
  return {
    head: (head: BodyHead) => {
      if (underWay()) lane.send({ kind: "head", ...head });
    },
    data: (piece) => (underWay() ? lane.sendData(piece) : true),
    drained: () => lane.drained(),
  };
}
