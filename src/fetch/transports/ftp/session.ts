import { Failure } from "../../../core/kernel/errors.ts";
import type { FetchJob } from "../../../wire/jobs.ts";
import { dial, errorCode } from "../../dial.ts";
import type { Receiver, UpstreamSocket } from "../../upstream-socket.ts";
import { within } from "../../within.ts";
import { extendedPassivePort, malformedReply, passivePort, type Reply, ReplyReader, replyFailure } from "./reply.ts";

/** Replies that may wait unread: a 150 and a 226 come together, more is a server that speaks out of turn. */
const WAITING_REPLIES = 4;

/** One logged-in control connection, in binary mode. Any `Failure` leaves it out of step: close it then. */
export class FtpSession implements Receiver {
  readonly #socket: UpstreamSocket;
  readonly #peer: string;
  readonly #reader = new ReplyReader();
  readonly #replies: Reply[] = [];
  #waiting: PromiseWithResolvers<Reply> | null = null;
  #broken: Failure | null = null;
  #extendedPassive = true;
  /** Whether MLSD is still to be tried. */
  listsByMachine = true;

  private constructor(socket: UpstreamSocket, peer: string) {
    this.#socket = socket;
    this.#peer = peer;
  }

  /** Connects and logs in, within the connect timeout. Throws `upstream.unreachable`, `upstream.login` and others. */
  static async open(url: URL, job: FetchJob, signal: AbortSignal): Promise<FtpSession> {
    const most = job.caps.connectTimeout;
    const late = (): Failure =>
      new Failure("upstream.unreachable", `${url.hostname}: no session after ${most} ms`, { retry: "later" });
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    try {
      return await within(FtpSession.#logIn(url, job, stopped), most, late, signal);
    } catch (cause) {
      stop.abort(cause);
      throw cause;
    }
  }

  static async #logIn(url: URL, job: FetchJob, signal: AbortSignal): Promise<FtpSession> {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const socket = await dial({ host, port: url.port === "" ? 21 : Number(url.port), addresses: null }, signal);
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
    const session = new FtpSession(socket, socket.raw.remoteAddress ?? "");
    socket.receive(session);
    const { user, password } = job.network.login ?? { user: "anonymous", password: "ringfort@" };
    try {
      session.expect(await session.reply(job, signal), 220);
      let answer = await session.ask(`USER ${checked(user)}`, job, signal);
      if (answer.code === 331) answer = await session.ask(`PASS ${checked(password)}`, job, signal);
      session.expect(answer, 230, 202);
      session.expect(await session.ask("TYPE I", job, signal), 200);
      return session;
    } catch (cause) {
      socket.destroy();
      throw cause;
    }
  }

  get usable(): boolean {
    return this.#broken === null && this.#replies.length === 0 && this.#socket.usable;
  }

  close(): void {
    this.#socket.send("QUIT\r\n");
    this.#socket.destroy();
  }

  /** Sends a command and waits for one reply to it. */
  async ask(command: string, job: FetchJob, signal: AbortSignal): Promise<Reply> {
    this.#socket.send(`${command}\r\n`);
    return await this.reply(job, signal);
  }

  /** The next reply, within the time that an upstream may be silent. */
  async reply(job: FetchJob, signal: AbortSignal): Promise<Reply> {
    const waiting = this.#replies.shift();
    if (waiting !== undefined) return waiting;
    if (this.#broken !== null) throw this.#broken;
    this.#waiting = Promise.withResolvers<Reply>();
    const most = job.caps.leastRateWindow;
    const late = (): Failure => new Failure("upstream.timeout", `no reply after ${most} ms`, { retry: "later" });
    return await within(this.#waiting.promise, most, late, signal);
  }

  /** Throws what `reply` means when its code is none of `codes`. */
  expect(reply: Reply, ...codes: readonly number[]): void {
    if (!codes.includes(reply.code)) throw replyFailure(reply);
  }

  /**
   * Opens a data connection, always from us to the server we already talk to (RFC 2428, RFC 959 section 5.2). It is
   * paused: what it brings belongs to a transfer that the server has not accepted yet.
   */
  async openData(job: FetchJob, signal: AbortSignal): Promise<UpstreamSocket> {
    const port = await this.#passivePort(job, signal);
    const most = job.caps.connectTimeout;
    const late = (): Failure =>
      new Failure("upstream.unreachable", `no data connection after ${most} ms`, { retry: "later" });
    const to = { host: this.#peer, port, addresses: null };
    const stop = new AbortController();
    try {
      const socket = await within(dial(to, AbortSignal.any([signal, stop.signal])), most, late, signal);
      socket.pause();
      return socket;
    } catch (cause) {
      stop.abort(cause);
      throw cause;
    }
  }

  async #passivePort(job: FetchJob, signal: AbortSignal): Promise<number> {
    if (this.#extendedPassive) {
      const reply = await this.ask("EPSV", job, signal);
      if (reply.code === 229) return this.#port(extendedPassivePort(reply.text));
      if (reply.code < 500) throw replyFailure(reply);
      this.#extendedPassive = false;
    }
    const reply = await this.ask("PASV", job, signal);
    this.expect(reply, 227);
    return this.#port(passivePort(reply.text));
  }

  #port(port: number | null): number {
    if (port === null) throw malformedReply("a passive port that cannot be");
    return port;
  }

  data(piece: Uint8Array): void {
    try {
      for (const reply of this.#reader.push(piece)) {
        const waiting = this.#waiting;
        this.#waiting = null;
        if (waiting !== null) waiting.resolve(reply);
        else if (this.#replies.push(reply) > WAITING_REPLIES) throw malformedReply("replies to nothing");
      }
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      this.#break(cause);
    }
  }

  end(): void {
    this.#break(new Failure("upstream.cut-off", "the control connection ended", { retry: "later" }));
  }

  broken(cause: Error): void {
    const detail = `the control connection broke (${errorCode(cause)})`;
    this.#break(new Failure("upstream.cut-off", detail, { cause, retry: "later" }));
  }

  #break(failure: Failure): void {
    this.#broken ??= failure;
    this.#waiting?.reject(failure);
    this.#waiting = null;
    this.#socket.destroy();
  }
}

/** A line end inside an argument would begin a command of someone else's choice. */
function checked(argument: string): string {
  if (/\p{Cc}/u.test(argument)) throw new Failure("address.unsupported", "a control character in the login");
  return Buffer.from(argument, "utf8").toString("latin1");
}
