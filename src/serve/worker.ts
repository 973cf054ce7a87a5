import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { AccessLogField } from "../core/model/access-log.ts";
import type { FoundFile } from "../core/publish/channel-view.ts";
import {
  type LeastVersion,
  type ListensAt,
  type ServeAnswer,
  type ServeFtp,
  type ServeHttps,
  type ServeStart,
  serveRequest,
  type TlsIdentity,
} from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { AccessLog } from "./access-log.ts";
import type { ListenAt } from "./begin-listening.ts";
import { type BlobFault, Blobs } from "./blobs.ts";
import { BufferPool } from "./buffer-pool.ts";
import { Connections } from "./connections.ts";
import { Gate, within } from "./gate.ts";
import { OpenChannel } from "./open-view.ts";
import type { Listening, Protocol, Serving } from "./protocol.ts";
import { Recent } from "./recent.ts";
import { protocols } from "./registry.ts";
import { Sessions } from "./sessions.ts";
import { SightingNotes } from "./sightings.ts";
import { ShownIdentity } from "./tls/shown-identity.ts";

const MINUTE = 60_000;
/** Bytes that may wait for the keeper before sightings do. */
const MOST_UNSENT = 256 * 1024;
const SIGHTINGS_EVERY = 1_000;
/** A stop takes effect within a second, whoever is alive. */
const SHUTOFF_EVERY = 100;

export interface WorkerOptions {
  readonly laneFd: number;
  readonly logFd: number;
  /** The access log of FTP; open only when the start asks for FTP. */
  readonly ftpLogFd: number;
  readonly now: () => Instant;
  /** A clock that never goes back, in milliseconds. */
  readonly elapsed: () => Instant;
  /** A word that nobody can guess, of letters and digits. */
  readonly random: () => string;
  /** A whole number from 0 to below its argument that nobody can guess. */
  readonly pick: (below: number) => number;
  /**
   * Called once, when the channel listens: the process needs no further socket of its own making. Not called for
   * active FTP, which is a right to connect.
   */
  readonly dropNetwork: () => void;
  /** Called once, when there is nothing left to do; the cause when the daemon broke its word. */
  readonly onEnd: (cause: Error | null) => void;
}

/** Serves one channel, as the daemon says over the lane. */
export function serveOverLane(options: WorkerOptions): void {
  const worker = new ServeWorker(
    options,
    (answer) => lane.send(answer),
    () => lane.unsent < MOST_UNSENT,
  );
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
  readonly #keeperReads: () => boolean;
  /** What was said of late, and when: a thousand clients that miss one file are one message. */
  readonly #said = new Recent<string, Instant>(4_096);
  #channel: OpenChannel | null = null;
  #sightings: SightingNotes | null = null;
  readonly #logs: AccessLog[] = [];
  readonly #listening: Listening[] = [];
  readonly #identities = new Map<"https" | "ftp", ShownIdentity>();
  #started = false;
  #ended = false;

  constructor(options: WorkerOptions, send: (answer: ServeAnswer) => void, keeperReads: () => boolean) {
    this.#options = options;
    this.#send = send;
    this.#keeperReads = keeperReads;
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
    } else if (request.kind === "identity") {
      this.#show(request.by, request.identity);
    } else {
      void this.#stop();
    }
  }

  async #start(start: ServeStart): Promise<void> {
    try {
      const serving = this.#open(start);
      const http = start.listen === null ? null : await this.#listen(protocols.http, serving, start.listen);
      const https = start.https === null ? null : await this.#startHttps(start.https, serving);
      const ftp = start.ftp === null ? null : await this.#startFtp(start.ftp, serving, start.channel);
      if (start.ftp?.active !== true) this.#options.dropNetwork();
      this.#send({ kind: "listening", http, https, ftp });
    } catch (cause) {
      // A channel is served by all that it was to be served by, or not at all.
      for (const listening of this.#listening.splice(0)) void listening.stop();
      this.#failed(cause);
    }
  }

  #open(start: ServeStart): Serving {
    const { now, elapsed, random, logFd } = this.#options;
    const channel = new OpenChannel(start.views, start.channel);
    this.#channel = channel;
    const sessions = new Sessions(start.session, () => channel.current, within(start.caches));
    // What is stopped is cut off in the middle, and the next process begins stopped: nothing under way goes on.
    setInterval(() => {
      if (channel.lookAtShutoff()) this.end(null);
    }, SHUTOFF_EVERY).unref();
    setInterval(() => sessions.sweep(elapsed()), 1_000).unref();
    if (start.sightings) {
      const notes = new SightingNotes({ send: this.#send, ready: this.#keeperReads, now });
      this.#sightings = notes;
      setInterval(() => notes.flush(), SIGHTINGS_EVERY).unref();
    }
    return {
      channel: start.channel,
      limits: start.limits,
      sessions,
      blobs: new Blobs(start.blobs),
      buffers: new BufferPool(),
      connections: new Connections(start.limits.connections, start.limits.connectionsPerClient),
      gate: new Gate(start.allow, elapsed, (turnedAway) => this.#send({ kind: "turned-away", ...turnedAway })),
      log: this.#logOn(logFd, start.channel, start.logFields),
      sightings: this.#sightings,
      now,
      elapsed,
      boundary: random,
      shutOff: () => channel.shutOff,
      blobMissing: (file, fault) => this.#blobMissing(file, fault),
      viewDamaged: (detail) => this.#viewDamaged(detail),
    };
  }

  async #listen(protocol: Protocol, serving: Serving, at: ListenAt): Promise<NonNullable<ListensAt>> {
    const listening = await protocol.listen(serving, at);
    this.#listening.push(listening);
    return { address: listening.address, port: listening.port };
  }

  #startHttps(start: ServeHttps, serving: Serving): Promise<NonNullable<ListensAt>> {
    return this.#listen(protocols.https(start, this.#identityOf("https", start, start.leastVersion)), serving, start);
  }

  #startFtp(start: ServeFtp, serving: Serving, channel: string): Promise<NonNullable<ListensAt>> {
    const log = this.#logOn(this.#options.ftpLogFd, channel, start.logFields);
    const { tls } = start;
    const shown = tls === null ? null : this.#identityOf("ftp", tls, tls.leastVersion);
    return this.#listen(protocols.ftp(start, shown, this.#options.pick), { ...serving, log }, start);
  }

  #identityOf(by: "https" | "ftp", { certificate, key, authorities }: TlsIdentity, least: LeastVersion): ShownIdentity {
    const shown = new ShownIdentity({ certificate, key, authorities }, least);
    this.#identities.set(by, shown);
    return shown;
  }

  #show(by: "https" | "ftp", identity: TlsIdentity): void {
    try {
      this.#identities.get(by)?.show(identity);
    } catch (cause) {
      this.#failed(cause);
    }
  }

  #logOn(fd: number, channel: string, fields: readonly AccessLogField[]): AccessLog {
    const log = new AccessLog({ fd, channel, fields, now: this.#options.now() });
    this.#logs.push(log);
    return log;
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
    await Promise.all(this.#listening.map((listening) => listening.stop()));
    this.end(null);
  }

  /** The process ends here, whatever is under way. */
  end(cause: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sightings?.flush();
    for (const log of this.#logs) log.close();
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
