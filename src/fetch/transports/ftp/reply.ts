import { Failure, quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";

/** One reply on the control connection (RFC 959 section 4.2). */
export interface Reply {
  readonly code: number;
  /** The last line without its code: the only one that carries anything the commands used here need. */
  readonly text: string;
}

/** Takes replies from the control connection's bytes, whatever the pieces. Throws `upstream.malformed`. */
export class ReplyReader {
  #line = "";
  #bytes = 0;
  #code: number | null = null;

  /** The replies that `chunk` completes. */
  push(chunk: Uint8Array): Reply[] {
    const replies: Reply[] = [];
    for (const byte of chunk) {
      // Counted over the whole reply: a thousand short lines are as endless as one long one.
      if (++this.#bytes > LIMITS.ftpReplyBytes) throw malformedReply("a reply over the limit");
      if (byte !== 10) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const reply = this.#lineEnded(this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line);
      this.#line = "";
      if (reply === null) continue;
      this.#bytes = 0;
      replies.push(reply);
    }
    return replies;
  }

  #lineEnded(line: string): Reply | null {
    const match = /^([1-5]\d\d)([ -]|$)(.*)$/s.exec(line);
    const code = Number(match?.[1]);
    if (this.#code === null) {
      if (match === null) throw malformedReply(`"${quoteOutside(line)}"`);
      if (match[2] !== "-") return { code, text: match[3] ?? "" };
      this.#code = code;
      return null;
    }
    // Between the first and the last line anything may stand, also lines that begin with another number.
    if (match === null || code !== this.#code || match[2] === "-") return null;
    this.#code = null;
    return { code, text: match[3] ?? "" };
  }
}

export function malformedReply(detail: string): Failure {
  return new Failure("upstream.malformed", `FTP reply: ${detail}`);
}

/** What a reply that refuses means for the transfer of one file. */
export function replyFailure(reply: Reply): Failure {
  const detail = `${reply.code} ${quoteOutside(reply.text)}`;
  switch (reply.code) {
    case 421:
      return new Failure("upstream.unreachable", detail, { retry: "later" });
    case 425:
    case 426:
      return new Failure("upstream.cut-off", detail, { retry: "later" });
    case 332:
    case 530:
    case 532:
      return new Failure("upstream.login", detail);
    case 550:
      return new Failure("upstream.not-found", detail);
    default:
      if (reply.code < 400) return malformedReply(detail);
      return new Failure("upstream.status", detail, { retry: reply.code < 500 ? "later" : "never" });
  }
}

/** The port of a 229 reply, "(|||6446|)" (RFC 2428 section 3); `null` when it is none. */
export function extendedPassivePort(text: string): number | null {
  return usablePort(Number(/\(([\x21-\x7e])\1\1(\d{1,5})\1\)/.exec(text)?.[2]));
}

/**
 * The port of a 227 reply, "(h1,h2,h3,h4,p1,p2)". The host is not looked at: a server that names another than itself
 * would have us connect, from inside, to a machine of its choice.
 */
export function passivePort(text: string): number | null {
  const match = /(?:^|[^\d,])\d{1,3},\d{1,3},\d{1,3},\d{1,3},(\d{1,3}),(\d{1,3})(?:[^\d,]|$)/.exec(text);
  const [high, low] = [Number(match?.[1]), Number(match?.[2])];
  return high > 255 || low > 255 ? null : usablePort(high * 256 + low);
}

/** No server listens for data below 1024: such a port is another service of that host. */
function usablePort(port: number): number | null {
  return port >= 1_024 && port <= 65_535 ? port : null;
}

/** The size of a 213 reply to SIZE (RFC 3659 section 4). */
export function sizeOf(reply: Reply): number | null {
  const match = /^(\d{1,15})\s*$/.exec(reply.text);
  return reply.code === 213 && match !== null ? Number(match[1]) : null;
}

/** The time of a 213 reply to MDTM, as an HTTP date: it is in UTC (RFC 3659 section 2.3). */
export function modifiedOf(reply: Reply): string | null {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?\s*$/.exec(reply.text);
  if (reply.code !== 213 || match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.toUTCString() : null;
}
