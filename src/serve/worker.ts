import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { FoundFile } from "../core/publish/channel-view.ts";
import { type ServeAnswer, type ServeStart, serveRequest } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { AccessLog } from "./access-log.ts";
import { type BlobFault, Blobs } from "./blobs.ts";
import { BufferPool } from "./buffer-pool.ts";
import { Connections } from "./connections.ts";
import { OpenChannel } from "./open-view.ts";
import type { Listening } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { protocols } from "./registry.ts";
import { Sessions } from "./sessions.ts";

/** Large buffers of one process: 32 MiB. */
const MOST_LARGE_BUFFERS = 64;
const MINUTE = 60_000;

export interface WorkerOptions {
  readonly laneFd: number;
  readonly logFd: number;
  readonly now: () => Instant;
  /** A clock that never goes back, in milliseconds. */
  readonly elapsed: () => Instant;
  /** A word that nobody can guess, of letters and digits. */
  readonly random: () => string;
  /** Called once, when the channel listens: the process needs no further socket of its own making. */
  readonly dropNetwork: () => void;
  /** Called once, when there is nothing left to do; the cause when the daemon broke its word. */
  readonly onEnd: (cause: Error | null) => void;
}

/** Serves one channel, as the daemon says over the lane. */
export function serveOverLane(options: WorkerOptions): void {
  const worker = new ServeWorker(options, (answer) => lane.send(answer));
  const lane = Lane.adopt(options.laneFd, {
    message: (value) => worker.message(value),
    data: () => {
      throw new Failure("worker.protocol", "bytes on a lane that carries messages");
    },
  });
  // Without its daemon a channel would go on serving what nobody can move or stop.
  lane.onClose((cause) => worker.end(cause));
}

class ServeWorker {
  readonly #options: WorkerOptions;
  readonly #send: (answer: ServeAnswer) => void;
  /** What was said of late, and when: a thousand clients that miss one file are one message. */
  readonly #said = new Recent<string, Instant>(4_096);
  #channel: OpenChannel | null = null;
  #log: AccessLog | null = null;
  #listening: Listening | null = null;
  #started = false;
  #ended = false;

  constructor(options: WorkerOptions, send: (answer: ServeAnswer) => void) {
    this.#options = options;
    this.#send = send;
  }

  message(value: unknown): void {
    const parsed = serveRequest.safeParse(value);
    if (!parsed.success) throw new Failure("worker.protocol", "not a request to a serve process");
    const request = parsed.data;
    if (request.kind === "serve-start") {
      if (this.#started) throw new Failure("worker.protocol", "a second start");
      this.#started = true;
      void this.#start(request);
    } else if (request.kind === "reopen") {
      this.#reopen(request.serial);
    } else {
      void this.#stop();
    }
  }

  async #start(start: ServeStart): Promise<void> {
    const { now, elapsed, random, logFd } = this.#options;
    try {
      const channel = new OpenChannel(start.views, start.channel);
      this.#channel = channel;
      this.#log = new AccessLog({ fd: logFd, channel: start.channel, fields: start.logFields, now: now() });
      const sessions = new Sessions(start.session, () => channel.current);
      const listening = await protocols[start.listen.protocol].listen(
        {
          limits: start.limits,
          sessions,
          blobs: new Blobs(start.blobs),
          buffers: new BufferPool(MOST_LARGE_BUFFERS),
          connections: new Connections(start.limits.connections, start.limits.connectionsPerClient),
          log: this.#log,
          now,
          elapsed,
          boundary: random,
          blobMissing: (file, fault) => this.#blobMissing(file, fault),
          viewDamaged: (detail) => this.#viewDamaged(detail),
        },
        start.listen.host,
        start.listen.port,
      );
      setInterval(() => sessions.sweep(elapsed()), 1_000).unref();
      this.#options.dropNetwork();
      this.#listening = listening;
      this.#send({ kind: "listening", address: listening.address, port: listening.port });
    } catch (cause) {
      this.#failed(cause);
    }
  }

  #reopen(serial: number): void {
    try {
      this.#channel?.reopen();
      this.#send({ kind: "reopened", serial });
    } catch (cause) {
      // What was shown goes on being shown: yesterday's valid beats today's broken.
      this.#failed(cause);
    }
  }

  async #stop(): Promise<void> {
    await this.#listening?.stop();
    this.end(null);
  }

  /** The process ends here, whatever is under way. */
  end(cause: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#log?.close();
    this.#options.onEnd(cause);
  }

  #failed(cause: unknown): void {
    if (!(cause instanceof Failure)) throw cause;
    this.#send({ kind: "failed", code: cause.code, detail: cause.message.slice(0, 4_096), retry: cause.retry });
  }

  #blobMissing({ sha256, path, source, revision }: FoundFile, reason: BlobFault): void {
    if (this.#saidOfLate(sha256)) return;
    this.#send({ kind: "blob-missing", sha256, path, source, revision, reason });
  }

  #viewDamaged(detail: string): void {
    if (!this.#saidOfLate("view")) this.#failed(new Failure("store.damaged", detail));
  }

  #saidOfLate(what: string): boolean {
    const now = this.#options.elapsed();
    const before = this.#said.get(what);
    if (before !== undefined && now - before < MINUTE) return true;
    this.#said.put(what, now);
    return false;
  }
}
