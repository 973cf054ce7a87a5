import type { Duration, Instant } from "../../../core/kernel/instant.ts";
import { MOST_AGENT, type SightingProtocol } from "../../../core/model/client-sighting.ts";
import { plainAddress } from "../../connections.ts";
import { DeliveryWatch } from "../../least-rate.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Carried, Serving } from "../../protocol.ts";
import type { Session } from "../../sessions.ts";
import { unsentBytes } from "../../unsent-bytes.ts";
import { answer, type Owner } from "./answer.ts";
import { AnswerHead } from "./answer-head.ts";
import type { HttpRequest } from "./exchange.ts";
import { HttpExchange } from "./http-exchange.ts";
import { type RequestTarget, requestTarget } from "./request-path.ts";
import { type HeadRefusal, RequestReader } from "./request-reader.ts";
import { noteAnswered } from "./sighted.ts";

/** Requests that may wait behind the one being answered; apt sends ten ahead. */
const MOST_WAITING = 32;
/**
 * How long the client's end is waited for once ours is sent, and what it still says thrown away: closed at once, what
 * it had sent unread would make the kernel reset the connection, and the last answer be lost (RFC 9112 section 9.6).
 */
const LINGER: Duration = 1_000;

/** What every connection of a server shares. */
export interface ConnectionHouse {
  readonly serving: Serving;
  /** The fields of one connection and one moment, and the empty line that ends a head. */
  readonly tail: (close: boolean) => string;
}

/** What is refused before it is a request. */
type Refused = HeadRefusal | 408;

const NOTHING = { stem: "", query: null, path: null };

/** One connection: its requests are answered one after another, whatever was sent ahead. */
export class HttpConnection {
  readonly #carried: Carried;
  readonly #house: ConnectionHouse;
  readonly #session: Session<ChannelView>;
  readonly #watch: DeliveryWatch;
  readonly #ends: { readonly client: string; readonly server: string; readonly port: number };
  readonly #reader: RequestReader;
  readonly #waiting: (HttpRequest | Refused)[] = [];
  #requests = 0;
  #phase: "reading" | "answering" | "ending" = "reading";
  /** No request is taken any more. */
  #last = false;
  /** When this phase began, or a head did. */
  #since: Instant;
  #headBegun = true;
  /** Bytes given to the socket. */
  #given = 0;

  constructor(carried: Carried, house: ConnectionHouse) {
    const { socket, wire } = carried;
    const { serving } = house;
    this.#carried = carried;
    this.#house = house;
    const client = plainAddress(wire.remoteAddress ?? "");
    this.#ends = { client, server: plainAddress(wire.localAddress ?? ""), port: wire.localPort ?? 0 };
    this.#session = serving.sessions.open(client);
    this.#watch = new DeliveryWatch({
      bytesPerSecond: serving.limits.leastRate,
      window: serving.limits.leastRateWindow,
    });
    this.#reader = new RequestReader(serving.limits.headerBytes);
    this.#since = serving.elapsed();
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("end", () => this.#end());
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#last = true;
      this.#waiting.length = 0;
      this.#session.close(serving.elapsed());
    });
  }

  /** No further request: an idle connection ends at once, a busy one when what came is answered. */
  finish(): void {
    this.#last = true;
    if (this.#phase === "reading") this.#close();
  }

  /** A look once in a while: cuts who takes too little of what it asked for, and who says nothing for too long. */
  look(now: Instant): void {
    const { socket, wire } = this.#carried;
    const { limits } = this.#house.serving;
    const waited = now - this.#since;
    if (this.#phase === "reading") {
      if (this.#headBegun && waited > limits.headerTimeout) this.#take(408);
      else if (!this.#headBegun && waited > limits.keepAlive) this.finish();
    } else if (this.#phase === "ending" && socket.writableFinished) {
      if (waited > LINGER) socket.destroy();
    } else {
      const unsent = unsentBytes(wire);
      if (this.#watch.tooSlow(now, wire.bytesWritten - unsent, unsent)) socket.destroy();
    }
  }

  #data(chunk: Buffer): void {
    if (this.#last) {
      // Not even read while an answer is under way.
      if (this.#phase === "answering") this.#carried.socket.pause();
      return;
    }
    this.#reader.push(chunk);
    while (!this.#last) {
      const next = this.#reader.next();
      if (next === null) break;
      this.#queue(next);
    }
    if (this.#phase !== "reading") return;
    if (this.#waiting.length > 0) this.#run();
    else if (!this.#headBegun) this.#beginWaiting(true);
  }

  /** What stands behind the last that the connection may carry is not read: the client asks again. */
  #queue(next: HttpRequest | Refused): void {
    this.#waiting.push(next);
    this.#requests += 1;
    this.#last =
      typeof next === "number" ||
      next.hasBody ||
      !staysOpen(next) ||
      this.#requests >= this.#house.serving.limits.requestsPerConnection ||
      this.#waiting.length >= MOST_WAITING;
  }

  #take(refused: Refused): void {
    this.#queue(refused);
    if (this.#phase === "reading") this.#run();
  }

  /** The client has said its last: what it has asked for is still answered. */
  #end(): void {
    if (!this.#last && this.#reader.begun) this.#take(400);
    else this.finish();
  }

  #run(): void {
    this.#phase = "answering";
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const wait = typeof next === "number" ? this.#refuse(next) : this.#exchange(next);
      if (wait === null) continue;
      void this.#runAfter(wait);
      return;
    }
    if (this.#last) this.#close();
    else this.#beginWaiting(this.#reader.begun);
  }

  async #runAfter(wait: Promise<void>): Promise<void> {
    await wait;
    this.#run();
  }

  #beginWaiting(headBegun: boolean): void {
    this.#phase = "reading";
    this.#headBegun = headBegun;
    this.#since = this.#house.serving.elapsed();
  }

  #close(): void {
    this.#phase = "ending";
    this.#since = this.#house.serving.elapsed();
    this.#carried.socket.end();
    this.#carried.socket.resume();
  }

  /** `null` when the answer has left; else resolves then, or when the client is gone. */
  #exchange(request: HttpRequest): Promise<void> | null {
    const { serving, tail } = this.#house;
    const began = serving.elapsed();
    const target = requestTarget(request.target);
    const view = (): ChannelView => this.#session.begin(request.fields["user-agent"] ?? "", serving.elapsed());
    const last = (this.#last && this.#waiting.length === 0) || !staysOpen(request);
    const exchange = new HttpExchange(this.#carried, request, tail, last);
    const done = (owner: Owner): void => {
      if (exchange.last) this.#last = true;
      this.#given += exchange.given;
      const now = serving.elapsed();
      this.#session.end(now);
      const sent = exchange.given - this.#lost();
      this.#note(request, target, exchange.status, sent, owner);
      this.#log(request, target, { status: exchange.status, sent, read: request.length, took: now - began, owner });
    };
    const owner = answer(exchange, target, serving, view);
    if (owner instanceof Promise || this.#isBackedUp()) return this.#finishLater(owner, done);
    done(owner);
    return null;
  }

  async #finishLater(answered: Owner | Promise<Owner>, done: (owner: Owner) => void): Promise<void> {
    const owner = await answered;
    if (this.#isBackedUp()) await this.#taken();
    done(owner);
  }

  /** Whether the client takes less than it asks for: it is then answered no further until it has taken this. */
  #isBackedUp(): boolean {
    const { socket } = this.#carried;
    return socket.writableLength > 0 && socket.writableNeedDrain && !socket.destroyed;
  }

  #taken(): Promise<void> {
    const { socket } = this.#carried;
    return new Promise((resolve) => {
      const settle = (): void => {
        socket.off("drain", settle);
        socket.off("close", settle);
        resolve();
      };
      socket.once("drain", settle);
      socket.once("close", settle);
    });
  }

  /** Bytes that were given to the socket and never left. */
  #lost(): number {
    const { socket } = this.#carried;
    return socket.destroyed ? Math.max(0, this.#given - socket.bytesWritten + unsentBytes(socket)) : 0;
  }

  #refuse(status: Refused): null {
    const { socket } = this.#carried;
    const head = new AnswerHead(status, ["Content-Length", "0"]);
    if (socket.writable) socket.write(head.block + this.#house.tail(true), "latin1");
    this.#log(null, NOTHING, { status, sent: 0, read: 0, took: 0, owner: null });
    return null;
  }

  #note({ method, fields }: HttpRequest, target: RequestTarget, status: number, sent: number, owner: Owner): void {
    const { channel, sightings } = this.#house.serving;
    if (sightings === null) return;
    const agent = (fields["user-agent"] ?? "").slice(0, MOST_AGENT);
    const who = { name: this.#carried.client ?? this.#ends.client, agent, protocol: this.#protocol };
    noteAnswered(sightings, who, channel, owner, { ...target, method, status, range: fields.range, sent });
  }

  get #protocol(): SightingProtocol {
    return this.#carried.socket === this.#carried.wire ? "http" : "https";
  }

  #log(
    request: HttpRequest | null,
    target: RequestTarget,
    outcome: {
      readonly status: number;
      readonly sent: number;
      readonly read: number;
      readonly took: number;
      readonly owner: Owner;
    },
  ): void {
    const { serving } = this.#house;
    serving.log.record(serving.now(), {
      "s-ip": this.#ends.server,
      "s-port": this.#ends.port,
      "c-ip": this.#ends.client,
      "cs-username": this.#carried.client,
      "cs-method": request?.method ?? null,
      "cs-uri-stem": target.stem,
      "cs-uri-query": target.query,
      "cs-version": request?.version ?? null,
      "cs(User-Agent)": request?.fields["user-agent"] ?? null,
      "cs(Referer)": request?.fields.referer ?? null,
      "sc-status": outcome.status,
      "sc-bytes": outcome.sent,
      "cs-bytes": outcome.read,
      "time-taken": Math.round(outcome.took),
      "x-source": outcome.owner?.source ?? null,
      "x-revision": outcome.owner?.revision ?? null,
    });
  }
}

/** RFC 9112 section 9.3. */
function staysOpen({ version, fields: { connection } }: HttpRequest): boolean {
  if (connection === undefined) return version === "HTTP/1.1";
  const options = connection.toLowerCase().split(/[ \t]*,[ \t]*/);
  return !options.includes("close") && (version === "HTTP/1.1" || options.includes("keep-alive"));
}
