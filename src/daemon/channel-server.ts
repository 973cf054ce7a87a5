import type * as z from "zod";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { Events } from "../core/ports.ts";
import { type ListensAt, type ServeAnswer, type ServeRequest, serveAnswer, type TlsIdentity } from "../wire/jobs.ts";
import type { Lane } from "../wire/lane.ts";
import type { SightingBatch } from "../wire/sightings.ts";
import type { ChannelSockets } from "./channel-sockets.ts";
import type { Jail } from "./jails.ts";
import type { WorkerProcess, WorkerState } from "./worker-process.ts";

/** How long a server may take to open a new view; after that it is taken for hung and started again. */
const REOPEN_LIMIT = 10 * SECOND;
const START_LIMIT = 20 * SECOND;
/** What one server may have us write down in a minute: one that was taken over must not fill our disk. */
const MOST_SAID = 60;

/** Takes what a channel's server saw of its clients; `false`: it is no such thing. */
export type Sighted = (channel: string, batch: SightingBatch) => boolean;
type Scheme = "http" | "https" | "ftp";
const NOWHERE = { http: null, https: null, ftp: null } as const;

type Start = Extract<ServeRequest, { kind: "serve-start" }>;

/**
 * One channel's server: its process is kept up, and told when the channel's pointer has moved. It keeps its address
 * over restarts, also one that the system chose.
 */
export class ChannelServer {
  readonly channel: string;
  readonly #worker: WorkerProcess;
  #start: Start;
  readonly #events: Events;
  readonly #sockets: ChannelSockets | null;
  readonly #sighted: Sighted;
  #lane: Lane | null = null;
  #ports: Readonly<Record<Scheme, number>>;
  #urls: Readonly<Record<Scheme, string | null>> = NOWHERE;
  #serial = 0;
  #stopping = false;
  #restarting = false;
  readonly #waiting = new Map<number, () => void>();
  #listening: PromiseWithResolvers<void> | null = null;
  #said = 0;
  #saidSince = 0;

  /** `sockets`: `null` where a server opens its own. */
  constructor(
    worker: WorkerProcess,
    start: Start,
    events: Events,
    sighted: Sighted,
    sockets: ChannelSockets | null = null,
  ) {
    this.#sighted = sighted;
    this.#sockets = sockets;
    this.channel = start.channel;
    this.#worker = worker;
    this.#start = start;
    this.#events = events;
    this.#ports = { http: start.listen?.port ?? 0, https: start.https?.port ?? 0, ftp: start.ftp?.port ?? 0 };
  }

  /** Where clients find the channel, while it is served: "http://10.20.0.10:80/", and `null` by what it is not. */
  get urls(): Readonly<Record<Scheme, string | null>> {
    return this.#urls;
  }

  get #up(): boolean {
    return Object.values(this.#urls).some((url) => url !== null);
  }

  get jail(): Jail {
    return this.#worker.role.jail;
  }

  get state(): WorkerState {
    return this.#worker.state;
  }

  /** Brings the server up; rejects with `listen.failed` when its address can't be had. */
  async start(): Promise<void> {
    const listening = Promise.withResolvers<void>();
    // It may be rejected before anybody waits for it; that alone must not end the daemon.
    listening.promise.catch(() => {});
    this.#listening = listening;
    const timer = setTimeout(
      () =>
        listening.reject(
          new Failure("worker.silent", `the server of ${this.channel} did not start in time`, { retry: "later" }),
        ),
      START_LIMIT,
    );
    try {
      const { start, fds } = this.#startNow();
      const [lane] = await this.#worker.start(
        [{ message: (value) => this.#heard(value), data: () => this.#worker.kill() }],
        () => this.#lost(),
        fds,
      );
      if (lane === undefined) throw new Failure("worker.died", `the server of ${this.channel} has no lane`);
      this.#lane = lane;
      // Bytes that are no frames end the lane; its process would go on, and could no longer be told of a move.
      lane.onClose(() => {
        if (this.#lane === lane && !this.#stopping) this.#worker.kill();
      });
      lane.send(start);
      await listening.promise;
    } finally {
      clearTimeout(timer);
      this.#listening = null;
    }
    // A pointer that moved after the server had read it and before it listened: nobody could tell it then.
    await this.reopen();
  }

  /** With the sockets, or else the ports, that it had before. */
  #startNow(): { readonly start: Start; readonly fds: readonly number[] } {
    if (this.#sockets !== null) return this.#sockets.handOver(this.#start, this.#worker.firstSocket);
    const { listen, https, ftp } = this.#start;
    const start = {
      ...this.#start,
      listen: listen === null ? null : { ...listen, port: this.#ports.http },
      https: https === null || https === undefined ? null : { ...https, port: this.#ports.https },
      ftp: ftp === null || ftp === undefined ? null : { ...ftp, port: this.#ports.ftp },
    };
    return { start, fds: [] };
  }

  /** A server that says what no server says is ended: nothing that it may still say is believed. */
  #heard(value: unknown): void {
    const answer = serveAnswer.safeParse(value);
    if (answer.success) this.#message(answer.data);
    else this.#worker.kill();
  }

  #message(answer: z.infer<typeof serveAnswer>): void {
    switch (answer.kind) {
      case "listening":
        if (this.#listening === null) return this.#worker.kill();
        this.#began(answer);
        this.#listening.resolve();
        return;
      case "reopened":
        this.#waiting.get(answer.serial)?.();
        this.#waiting.delete(answer.serial);
        return;
      case "blob-missing":
        if (this.#mayNote())
          this.#events.emit("blob.missing", {
            channel: this.channel,
            sha256: answer.sha256,
            path: quoteOutside(answer.path, 1_024),
          });
        return;
      case "turned-away":
        if (this.#mayNote()) {
          const { count, from, to } = answer;
          this.#events.emit("channel.client-refused", { channel: this.channel, from, to, connections: count });
        }
        return;
      case "sightings":
        if (!this.#sighted(this.channel, answer)) this.#worker.kill();
        return;
      case "failed":
        // It goes on with the view that it has: better than none, and what is wrong is said.
        if (this.#listening === null) {
          if (this.#mayNote())
            this.#events.emit("channel.view-failed", {
              channel: this.channel,
              code: answer.code,
              detail: quoteOutside(answer.detail, 500),
            });
          this.#settleReopens();
          return;
        }
        this.#listening.reject(new Failure(answer.code, quoteOutside(answer.detail, 500), { retry: answer.retry }));
        return;
    }
  }

  #began({ http, https, ftp }: Extract<ServeAnswer, { readonly kind: "listening" }>): void {
    const { http: wasHttp, https: wasHttps, ftp: wasFtp } = this.#ports;
    this.#ports = { http: http?.port ?? wasHttp, https: https?.port ?? wasHttps, ftp: ftp?.port ?? wasFtp };
    this.#urls = { http: urlOf("http", http), https: urlOf("https", https), ftp: urlOf("ftp", ftp) };
    this.#events.emit("channel.listening", {
      channel: this.channel,
      url: this.#urls.http,
      ...(this.#urls.https === null ? {} : { https: this.#urls.https }),
      ...(this.#urls.ftp === null ? {} : { ftp: this.#urls.ftp }),
    });
  }

  #mayNote(): boolean {
    const now = performance.now();
    if (now - this.#saidSince >= MINUTE) [this.#said, this.#saidSince] = [0, now];
    this.#said += 1;
    return this.#said <= MOST_SAID;
  }

  #lost(): void {
    this.#lane?.close();
    this.#lane = null;
    this.#urls = NOWHERE;
    this.#listening?.reject(
      new Failure("worker.died", `the server of ${this.channel} died as it started`, { retry: "later" }),
    );
    // Whoever waits for a view to be opened need not: the next start opens what the pointer file then says.
    this.#settleReopens();
    if (this.#stopping || this.#restarting || this.#listening !== null) return;
    this.#events.emit("worker.died", { role: this.state.role, restarts: this.state.restarts });
    void this.#again();
  }

  #settleReopens(): void {
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  async #again(): Promise<void> {
    this.#restarting = true;
    while (!this.#stopping && !this.#up) {
      try {
        await this.start();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (this.#stopping) break;
        this.#events.emit("channel.down", { channel: this.channel, code: error.code, detail: error.message });
        // Waited for: its end would be taken for the next one's, and its pause would not be kept.
        await this.#worker.end();
      }
    }
    this.#restarting = false;
  }

  /** Has the server read the pointer file again; resolves when it serves what the file says. */
  async reopen(): Promise<void> {
    const lane = this.#lane;
    if (lane === null || !this.#up) return;
    this.#serial += 1;
    const serial = this.#serial;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(serial, resolve);
    const timer = setTimeout(() => this.#worker.kill(), REOPEN_LIMIT);
    lane.send({ kind: "reopen", serial } satisfies ServeRequest);
    await promise;
    clearTimeout(timer);
  }

  /** From now on its handshakes show this, also those of a server that has to be started again. */
  show(by: "https" | "ftp", identity: TlsIdentity): void {
    const { https, ftp } = this.#start;
    if (by === "https" && https !== null && https !== undefined)
      this.#start = { ...this.#start, https: { ...https, ...identity } };
    if (by === "ftp" && ftp?.tls !== null && ftp?.tls !== undefined)
      this.#start = { ...this.#start, ftp: { ...ftp, tls: { ...ftp.tls, ...identity } } };
    this.#lane?.send({ kind: "identity", by, identity } satisfies ServeRequest);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // First, so that who comes now is refused, and does not wait for a server that is ending.
    this.#sockets?.close();
    this.#lane?.send({ kind: "stop" } satisfies ServeRequest);
    await this.#worker.stop(12 * SECOND);
  }
}

function urlOf(scheme: Scheme, at: ListensAt): string | null {
  if (at === null || at === undefined) return null;
  return `${scheme}://${at.address.includes(":") ? `[${at.address}]` : at.address}:${at.port}/`;
}
