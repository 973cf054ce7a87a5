import type { Socket } from "node:net";
import { Failure } from "../../../core/kernel/errors.ts";
import type { Instant } from "../../../core/kernel/instant.ts";
import { plainAddress } from "../../connections.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Session } from "../../sessions.ts";
import type { Seen } from "../../sightings.ts";
import type { ShownIdentity } from "../../tls/shown-identity.ts";
import { unsentBytes } from "../../unsent-bytes.ts";
import { ANSWERS } from "./answers.ts";
import { needsLogin, parseCommand } from "./command.ts";
import { CommandReader, type Received } from "./command-reader.ts";
import { FACTS } from "./listing.ts";
import { secureControl } from "./session-tls.ts";
import type { Source } from "./sources.ts";
import type { FtpService, LogEntry, SessionState, Talk } from "./talk.ts";
import type { Transfer } from "./transfer.ts";
import { WaitingLines } from "./waiting-lines.ts";

/** Commands that may wait behind the one being answered; past it nothing more is read. */
const MOST_WAITING = 32;
/** Commands answered before others have their turn. */
const TURN = 16;
/** What IIS wrote beside these replies, for programs that read its logs ([MS-ERREF] section 2.2). */
const WINDOWS_STATUS: Readonly<Record<number, number>> = { 426: 64, 451: 1_117, 530: 1_326, 550: 2 };
/** Bytes of replies that may wait for the client to take them; past it no further command is answered. */
const MOST_UNSENT = 16 * 1024;
/** How long the last reply may take to leave. */
const FAREWELL = 2_000;

/** One control connection, from its greeting to its end. Commands are answered one after another. */
export class FtpSession implements Talk {
  readonly service: FtpService;
  readonly source: Source;
  readonly lease: Session<ChannelView>;
  readonly ends: Talk["ends"];
  readonly state: SessionState;
  readonly #id: number;
  readonly #wire: Socket;
  readonly #reader: CommandReader;
  readonly #began: Instant;
  readonly #waiting = new WaitingLines();
  #socket: Socket;
  #transfer: Transfer | null = null;
  #former: Transfer | null = null;
  #lastHeard: Instant;
  #busy = false;
  #leaving = false;
  #ended = false;
  #read = 0;

  constructor(id: number, socket: Socket, service: FtpService, source: Source) {
    const { serving, options } = service;
    const client = plainAddress(socket.remoteAddress ?? "");
    this.service = service;
    this.source = source;
    this.lease = serving.sessions.open(client);
    this.ends = { client, server: plainAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
    this.state = {
      user: null,
      agent: "",
      view: null,
      folder: "/",
      rest: 0,
      facts: new Set(FACTS),
      data: null,
      extendedOnly: false,
      refusals: 0,
      tls: null,
      bufferSizeSaid: false,
      protectData: false,
    };
    this.#id = id;
    this.#wire = socket;
    this.#socket = socket;
    this.#reader = new CommandReader(options.limits.lineBytes);
    this.#began = serving.elapsed();
    this.#lastHeard = this.#began;
    socket.on("error", () => undefined);
    socket.once("close", () => this.#closed());
    this.#listen(socket);
    // RFC 959 section 5.4.
    this.say("220 Ready.");
  }

  say(reply: string): void {
    if (this.#socket.writable) this.#socket.write(`${reply}\r\n`);
  }

  leave(): void {
    this.#leaving = true;
  }

  transferring(transfer: Transfer | null): void {
    // The connection of a transfer that ended may stay for a client that is slow to close it, but not two of them.
    this.#former?.forget();
    this.#former = transfer ?? this.#transfer;
    this.#transfer = transfer;
    if (transfer === null) this.#lastHeard = this.service.serving.elapsed();
    else if (this.#wire.destroyed) transfer.cut("aborted");
  }

  async secure(reply: string, identity: ShownIdentity): Promise<boolean> {
    const { limits } = this.service.options;
    this.#socket.removeAllListeners("data");
    this.#socket.pause();
    this.say(reply);
    // What was sent in clear behind AUTH is nobody's command: it would be taken for the client's (CVE-2011-1575).
    this.#waiting.clear();
    this.#reader.drop();
    const tls = await secureControl(this.#wire, identity, limits.idleBeforeLogin, limits.longest);
    if (tls === null) {
      this.#wire.destroy();
      return false;
    }
    this.state.tls = tls;
    this.#socket = tls.socket;
    this.#listen(tls.socket);
    return true;
  }

  /** The server stops: an idle session ends at once, a busy one with what is under way. */
  finish(): void {
    if (this.#leaving) return;
    this.#waiting.clear();
    if (this.#busy) this.leave();
    else this.#goodbye("421 The server is stopping.");
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** A look once a second. 421, RFC 959 section 5.4, says why a session ends. */
  look(now: Instant): void {
    const { limits } = this.service.options;
    this.#transfer?.look(now);
    if (this.#transfer !== null || this.#leaving) return;
    const silent = now - this.#lastHeard;
    const age = now - this.#began;
    // A client that does not take its replies is silent too: no further command of it is answered.
    if (this.state.view === null && (age > limits.loginTime || silent > limits.idleBeforeLogin))
      this.#goodbye("421 No login in time.");
    else if (silent > limits.idle + (this.#busy ? limits.dataWait : 0)) this.#goodbye("421 Nothing said for too long.");
    // Its revision is kept for it, and must not be kept for ever.
    else if (age > limits.longest && !this.#busy) this.#goodbye("421 Long enough; come again.");
  }

  log({ method, stem, status, sent, took, owner }: LogEntry): void {
    const read = this.#wire.bytesRead - this.#read;
    this.#read += read;
    this.service.serving.log.record(this.service.serving.now(), {
      "s-ip": this.ends.server,
      "s-port": this.ends.port,
      "c-ip": this.ends.client,
      "cs-username": this.state.user,
      "cs-method": `[${this.#id}]${method}`,
      "cs-uri-stem": stem === null ? null : Buffer.from(stem).toString("latin1"),
      "sc-status": status,
      "sc-win32-status": WINDOWS_STATUS[status] ?? 0,
      "sc-bytes": sent,
      "cs-bytes": read,
      "time-taken": Math.round(took),
      "x-source": owner?.source ?? null,
      "x-revision": owner?.revision ?? null,
    });
  }

  seen(): Seen {
    return { name: this.ends.client, agent: this.state.agent, protocol: "ftp" };
  }

  #listen(socket: Socket): void {
    socket.on("data", (bytes: Buffer) => {
      this.#lastHeard = this.service.serving.elapsed();
      for (const received of this.#reader.push(bytes)) this.#received(received);
      if (this.#waiting.length >= MOST_WAITING) this.#socket.pause();
    });
    socket.resume();
  }

  #received(received: Received): void {
    if (this.#leaving) return;
    if (received.kind === "line" && /^ABOR *$/i.test(received.text)) this.#abort();
    this.#waiting.put(received);
    if (!this.#busy) void this.#run();
  }

  /** ABOR is heard while a transfer is under way, and answered behind it: 426 for the one, 226 for the other. */
  #abort(): void {
    if (this.#transfer !== null) this.#transfer.cut("aborted");
    else if (this.#busy) this.state.data?.close();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    let turn = 0;
    for (let next = this.#waiting.take(); next !== undefined; next = this.#waiting.take()) {
      await this.#pace(++turn);
      if (this.#wire.destroyed) break;
      await this.#answer(next);
      if (this.#leaving) break;
      if (this.#waiting.length < MOST_WAITING) this.#socket.resume();
    }
    this.#busy = false;
    if (this.#leaving) this.#end();
  }

  /** Waits while this client has sent too much, or has not taken what it was told; and lets the others have their turn. */
  async #pace(turn: number): Promise<void> {
    const { sources, serving } = this.service;
    const pause = sources.pause(this.source, serving.elapsed());
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    else if (turn % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    if (unsentBytes(this.#wire) <= MOST_UNSENT && this.#socket.writableLength <= MOST_UNSENT) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("drain", resolve);
      this.#wire.once("close", resolve);
    });
  }

  async #answer(received: Received): Promise<void> {
    // RFC 959 section 4.2: 500 for what is no command, 501 for what is no argument.
    if (received.kind === "too-long") {
      this.#refused("500 Too long.");
    } else if (received.kind === "foreign") {
      this.#foreign();
    } else if (received.kind === "unreadable") {
      this.say("501 Not text.");
    } else {
      await this.#command(received.text);
    }
  }

  async #command(line: string): Promise<void> {
    const command = parseCommand(line);
    if (command === "other-protocol") return this.#foreign();
    // RFC 959 section 4.2, as 530 and 451 below; one unknown word does not end a session.
    if (command === "unknown") return this.say("500 Not known.");
    if (needsLogin(command.verb) && this.state.view === null) return this.say("530 Log in first.");
    try {
      const reply = await ANSWERS[command.verb](this, command.argument);
      if (reply !== null) this.say(reply);
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      this.service.serving.viewDamaged(cause.message);
      this.say("451 Not available at the moment.");
    }
    if (command.verb === "QUIT") this.#logClosing("QUIT", 221);
  }

  #foreign(): void {
    this.#logClosing("closed", 500);
    this.#leaving = true;
    this.#wire.destroy();
  }

  #refused(reply: string): void {
    this.#logClosing("closed", Number(reply.slice(0, 3)));
    this.say(reply);
    this.leave();
  }

  #goodbye(reply: string): void {
    this.#refused(reply);
    this.#end();
  }

  #logClosing(method: string, status: number): void {
    const took = this.service.serving.elapsed() - this.#began;
    this.log({ method, stem: null, status, sent: 0, took, owner: null });
  }

  /** The last reply leaves, and the connection with it; for one that does not take it, without it. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting.clear();
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.end();
    const timer = setTimeout(() => this.#wire.destroy(), FAREWELL);
    timer.unref();
    this.#wire.once("close", () => clearTimeout(timer));
  }

  #closed(): void {
    this.#waiting.clear();
    this.#transfer?.cut("aborted");
    this.#former?.forget();
    this.state.data?.close();
    this.state.data = null;
    this.state.tls?.socket.destroy();
    this.lease.close(this.service.serving.elapsed());
  }
}
