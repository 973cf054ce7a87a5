import { Failure, quoteUrl } from "../../core/kernel/errors.ts";
import type { FetchJob } from "../../wire/jobs.ts";
import type { CappedStream } from "../capped-stream.ts";
import type { Transport } from "../transport.ts";
import type { UpstreamSocket } from "../upstream-socket.ts";
import { receiveData } from "./ftp/receive-data.ts";
import { modifiedOf, replyFailure, sizeOf } from "./ftp/reply.ts";
import { FtpSession } from "./ftp/session.ts";

/**
 * FTP, reading only, passive only (RFC 959, 2428, 3659). On sockets of our own: the data connection must go through the
 * one capped stream, buffer by buffer, and a 227 reply's host must be ignored, neither obeyed nor a reason to fail.
 */
export function ftpTransport(_userAgent: string): Transport {
  return new FtpTransport();
}

class FtpTransport implements Transport {
  #kept: { readonly key: string; readonly session: FtpSession } | null = null;

  close(): void {
    this.#kept?.session.close();
    this.#kept = null;
  }

  async fetch(job: FetchJob, stream: CappedStream, signal: AbortSignal): Promise<"done" | "not-modified"> {
    if (job.network.proxy !== null) {
      // Going round the proxy would break the rule that it stands for.
      throw new Failure("address.unsupported", "ftp is not fetched through a proxy");
    }
    const url = new URL(job.url);
    const path = pathOf(url);
    const key = JSON.stringify([url.host, job.network.login]);
    const { session, reused } = await this.#session(key, url, job, signal);
    const transfer = new Transfer(session, job, path, stream, signal);
    try {
      const result = await transfer.run();
      this.#keep(key, session);
      return result;
    } catch (cause) {
      // "No such file" and the like leave the session in step; anything else does not.
      if (transfer.inStep) this.#keep(key, session);
      else session.close();
      // A kept session that the server had given up says nothing about the file: once more, on a fresh one.
      const gaveUp =
        cause instanceof Failure && (cause.code === "upstream.cut-off" || cause.code === "upstream.unreachable");
      if (!reused || !gaveUp || transfer.heard || signal.aborted) throw cause;
      return await this.fetch(job, stream, signal);
    }
  }

  async #session(
    key: string,
    url: URL,
    job: FetchJob,
    signal: AbortSignal,
  ): Promise<{ readonly session: FtpSession; readonly reused: boolean }> {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null && kept.key === key && kept.session.usable) return { session: kept.session, reused: true };
    kept?.session.close();
    return { session: await FtpSession.open(url, job, signal), reused: false };
  }

  #keep(key: string, session: FtpSession): void {
    if (session.usable) this.#kept = { key, session };
    else session.close();
  }
}

/** One file or listing on a session. */
class Transfer {
  readonly #session: FtpSession;
  readonly #job: FetchJob;
  readonly #path: string;
  readonly #stream: CappedStream;
  readonly #signal: AbortSignal;
  /** Whether the server has answered anything in this transfer. */
  heard = false;
  /** Whether every command so far has had its last reply. */
  inStep = false;

  constructor(session: FtpSession, job: FetchJob, path: string, stream: CappedStream, signal: AbortSignal) {
    this.#session = session;
    this.#job = job;
    this.#path = path;
    this.#stream = stream;
    this.#signal = signal;
  }

  async run(): Promise<"done" | "not-modified"> {
    if (this.#job.list) await this.#list();
    else if (!(await this.#file())) return "not-modified";
    return "done";
  }

  async #file(): Promise<boolean> {
    const { unless, resume, first } = this.#job;
    const size = sizeOf(await this.#ask(`SIZE ${this.#path}`));
    const lastModified = modifiedOf(await this.#ask(`MDTM ${this.#path}`));
    if (unless !== null && lastModified !== null && unless.lastModified === lastModified) return false;
    // FTP has no way to say "only if it is still that file": without the same time there is nothing to go on from.
    const same = resume !== null && lastModified !== null && resume.validators.lastModified === lastModified;
    const wanted = same && size !== null && resume.offset <= size ? resume.offset : 0;
    if (size !== null && first === null) this.#refuseOverCap(size);
    const data = await this.#openData();
    const offset = wanted > 0 && (await this.#ask(`REST ${wanted}`)).code === 350 ? wanted : 0;
    const came = await this.#transfer(`RETR ${this.#path}`, data, () =>
      this.#stream.begin({
        offset,
        size,
        validators: { etag: null, lastModified },
        finalUrl: this.#job.url,
        dialect: null,
      }),
    );
    if (size === null || this.#stream.full) return true;
    if (came < size - offset) throw new Failure("upstream.cut-off", "the data ended early", { retry: "later" });
    if (came > size - offset) throw new Failure("upstream.changed", "more than SIZE has said", { retry: "later" });
    return true;
  }

  // `begin` would refuse as well, but only after a data connection has been opened for nothing.
  #refuseOverCap(size: number): void {
    const { bytes } = this.#job.caps;
    if (size > bytes) throw new Failure("upstream.over-cap", `${size} bytes announced, the cap is ${bytes} bytes`);
  }

  async #list(): Promise<void> {
    if (this.#session.listsByMachine && (await this.#listing("MLSD", "mlsd"))) return;
    this.#session.listsByMachine = false;
    await this.#listing("LIST", "ftp-list");
  }

  /** `false` when the server does not know MLSD. */
  async #listing(command: "MLSD" | "LIST", dialect: "mlsd" | "ftp-list"): Promise<boolean> {
    const data = await this.#openData();
    const line = this.#path === "" ? command : `${command} ${this.#path}`;
    try {
      await this.#transfer(line, data, () => {
        const validators = { etag: null, lastModified: null };
        this.#stream.begin({ offset: 0, size: null, validators, finalUrl: this.#job.url, dialect });
      });
      return true;
    } catch (cause) {
      if (command === "MLSD" && cause instanceof CommandUnknown) return false;
      throw cause;
    }
  }

  /** From the command to its last reply; the number of bytes that came. */
  async #transfer(command: string, data: UpstreamSocket, begin: () => void): Promise<number> {
    try {
      const opening = await this.#ask(command);
      if (opening.code >= 500 && opening.code <= 504) throw new CommandUnknown(opening);
      if (opening.code !== 125 && opening.code !== 150) throw replyFailure(opening);
      this.inStep = false;
      begin();
      const came = await receiveData(data, this.#stream, this.#signal);
      // The rest is not wanted, and the session ends with it: no abort command leaves all servers in step.
      if (this.#stream.full) {
        this.#session.close();
        return came;
      }
      this.#session.expect(await this.#session.reply(this.#job, this.#signal), 226, 250);
      this.inStep = true;
      return came;
    } finally {
      data.destroy();
    }
  }

  async #openData(): Promise<UpstreamSocket> {
    this.inStep = false;
    const data = await this.#session.openData(this.#job, this.#signal);
    this.heard = true;
    this.inStep = true;
    return data;
  }

  async #ask(command: string): ReturnType<FtpSession["ask"]> {
    this.inStep = false;
    const reply = await this.#session.ask(command, this.#job, this.#signal);
    if (reply.code === 421) throw replyFailure(reply);
    this.heard = true;
    this.inStep = true;
    return reply;
  }
}

/** The server does not know the command (RFC 959 section 4.2.2). */
class CommandUnknown extends Failure {
  constructor(reply: Parameters<typeof replyFailure>[0]) {
    const failure = replyFailure(reply);
    super(failure.code, failure.message, { retry: failure.retry });
  }
}

/** The path below the login folder (RFC 1738 section 3.2.2), its UTF-8 bytes as latin1 characters. */
function pathOf(url: URL): string {
  let path: string;
  try {
    path = decodeURIComponent(url.pathname.slice(1));
  } catch {
    path = "\u0000";
  }
  if (/\p{Cc}/u.test(path)) {
    // A line end in a path would be a command of whoever wrote the path (RFC 3659 section 2.2).
    throw new Failure("address.unsupported", `${quoteUrl(url.href)} has a path that FTP cannot say`);
  }
  // Many servers hand a path that begins with "-" to their ls as options.
  const said = path.startsWith("-") ? `./${path}` : path;
  return Buffer.from(said, "utf8").toString("latin1");
}
