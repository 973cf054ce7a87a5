import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Instant } from "../../../core/kernel/instant.ts";
import { plainAddress } from "../../connections.ts";
import { DeliveryWatch } from "../../least-rate.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Serving } from "../../protocol.ts";
import type { Session } from "../../sessions.ts";
import { unsentBytes } from "../../unsent-bytes.ts";
import { answer, type Owner } from "./answer.ts";
import { type RequestTarget, requestTarget } from "./request-path.ts";

/** Requests that may wait behind the one being answered; apt sends ten ahead. */
const MOST_WAITING = 32;

/** One connection: its requests are answered one after another, whatever was sent ahead. */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #serving: Serving;
  readonly #session: Session<ChannelView>;
  readonly #watch: DeliveryWatch;
  readonly #ends: { readonly client: string; readonly server: string; readonly port: number };
  readonly #waiting: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  #requests = 0;
  #busy = false;
  #last = false;
  #read = 0;

  constructor(socket: Socket, serving: Serving) {
    this.#socket = socket;
    this.#serving = serving;
    const client = plainAddress(socket.remoteAddress ?? "");
    this.#ends = { client, server: plainAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
    this.#session = serving.sessions.open(client);
    this.#watch = new DeliveryWatch({
      bytesPerSecond: serving.limits.leastRate,
      window: serving.limits.leastRateWindow,
    });
    socket.once("close", () => {
      this.#waiting.length = 0;
      this.#session.close(serving.elapsed());
    });
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** A request has come. Those behind the last that the connection may carry are not answered: the client asks again. */
  accept(request: IncomingMessage, response: ServerResponse): void {
    if (this.#last) return;
    this.#waiting.push({ request, response });
    this.#requests += 1;
    this.#last = this.#requests >= this.#serving.limits.requestsPerConnection || this.#waiting.length >= MOST_WAITING;
    if (!this.#busy) void this.#run();
  }

  /** No further request: an idle connection ends at once, a busy one when what came is answered. */
  finish(): void {
    this.#last = true;
    if (!this.#busy) this.#socket.end();
  }

  /** A look once a second: cuts a client that takes too little of what it asked for. */
  look(now: Instant): void {
    if (!this.#busy) return;
    const waiting = unsentBytes(this.#socket);
    if (this.#watch.tooSlow(now, this.#socket.bytesWritten - waiting, waiting)) this.#socket.destroy();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#exchange(next.request, next.response);
    }
    this.#busy = false;
    if (this.#last) this.#socket.end();
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { now, elapsed } = this.#serving;
    const began = elapsed();
    const written = this.#socket.bytesWritten;
    const read = this.#socket.bytesRead - this.#read;
    this.#read += read;
    const target = requestTarget(request.url ?? "");
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    const view = (): ChannelView => this.#session.begin(request.headers["user-agent"] ?? "", elapsed());
    const last = this.#last && this.#waiting.length === 0;
    const { path, query } = target;
    const owner = await answer({ request, response, path, query, last }, this.#serving, view);
    await closed;
    this.#session.end(elapsed());
    const sent = this.#socket.bytesWritten - written - unsentBytes(this.#socket);
    this.#log(now(), request, target, { status: response.statusCode, sent, read, took: elapsed() - began, owner });
  }

  /** What node:http refused by itself; `status` is what it was told. */
  refused(status: number): void {
    const nothing = { method: null, headers: {}, httpVersion: null };
    const read = this.#socket.bytesRead - this.#read;
    this.#log(
      this.#serving.now(),
      nothing,
      { stem: "", query: null, path: null },
      { status, sent: 0, read, took: 0, owner: null },
    );
  }

  #log(
    at: Instant,
    request: {
      readonly method?: string | null | undefined;
      readonly headers: IncomingMessage["headers"];
      readonly httpVersion: string | null;
    },
    target: RequestTarget,
    outcome: {
      readonly status: number;
      readonly sent: number;
      readonly read: number;
      readonly took: number;
      readonly owner: Owner;
    },
  ): void {
    this.#serving.log.record(at, {
      "s-ip": this.#ends.server,
      "s-port": this.#ends.port,
      "c-ip": this.#ends.client,
      "cs-method": request.method ?? null,
      "cs-uri-stem": target.stem,
      "cs-uri-query": target.query,
      "cs-version": request.httpVersion === null ? null : `HTTP/${request.httpVersion}`,
      "cs(User-Agent)": request.headers["user-agent"] ?? null,
      "cs(Referer)": request.headers.referer ?? null,
      "sc-status": outcome.status,
      "sc-bytes": outcome.sent,
      "cs-bytes": outcome.read,
      "time-taken": Math.round(outcome.took),
      "x-source": outcome.owner?.source ?? null,
      "x-revision": outcome.owner?.revision ?? null,
    });
  }
}
