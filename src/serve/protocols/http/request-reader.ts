import { LIMITS } from "../../../core/kernel/limits.ts";
import type { HttpRequest } from "./exchange.ts";
import { type RequestFields, readFields } from "./request-fields.ts";

/** Why a head is refused, as the status that says so. Nothing after it on the connection is read. */
export type HeadRefusal = 400 | 431 | 505;

const TAB = 9;
const LF = 10;
const CR = 13;
const DELETE = 127;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
// Visible characters. A fragment is never sent (RFC 9112 section 3.2): some would cut it off, some look it up.
const TARGET = /^[!"$-~]+$/;
const VERSION = /^HTTP\/\d\.\d$/;
/** RFC 3986 sections 3.2.2 and 3.2.3. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/;

/**
 * Takes the heads of requests from the bytes of a connection, whatever the pieces (RFC 9112). What has been read in two
 * ways by two readers is refused as soon as it is there, never repaired: bare CR or LF, folded lines, blanks before a
 * colon, lengths that are given twice, codings that we don't know.
 */
export class RequestReader {
  readonly #most: number;
  /** From the beginning of a head on. */
  #bytes: Buffer = Buffer.alloc(0);
  #scanned = 0;
  #lineStart = 0;
  #lines: string[] = [];
  #skipped = false;

  /** `most`: bytes of one head. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether a head has begun. */
  get begun(): boolean {
    return this.#bytes.length > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole head, or why there will be none; `null` when more has to come. */
  next(): HttpRequest | HeadRefusal | null {
    const found = this.#scan();
    if (found === null) {
      // A few bytes must not keep a large piece in memory.
      if (this.#bytes.length > 0) this.#bytes = Buffer.from(this.#bytes);
      return null;
    }
    if (typeof found === "number") return found;
    const { lines, length } = found;
    this.#bytes = this.#bytes.subarray(length);
    this.#begin();
    return readHead(lines, length);
  }

  #begin(): void {
    this.#scanned = 0;
    this.#lineStart = 0;
    this.#lines = [];
    this.#skipped = false;
  }

  #scan(): { readonly lines: readonly string[]; readonly length: number } | HeadRefusal | null {
    const bytes = this.#bytes;
    const end = Math.min(bytes.length, this.#most);
    for (let at = this.#scanned; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if ((byte >= 32 && byte !== DELETE) || byte === TAB) continue;
      if (byte !== CR) return 400;
      if (at + 1 === this.#most) return 431;
      if (at + 1 === bytes.length) {
        this.#scanned = at;
        return null;
      }
      if (bytes[at + 1] !== LF) return 400;
      const line = bytes.toString("latin1", this.#lineStart, at);
      at += 1;
      this.#lineStart = at + 1;
      if (line !== "") this.#lines.push(line);
      else if (this.#lines.length > 0) return { lines: this.#lines, length: at + 1 };
      // One empty line before a request is passed over (RFC 9112 section 2.2).
      else if (this.#skipped) return 400;
      else this.#skipped = true;
      if (this.#lines.length > LIMITS.requestFields + 1) return 431;
    }
    this.#scanned = end;
    return end === this.#most ? 431 : null;
  }
}

function readHead(lines: readonly string[], length: number): HttpRequest | HeadRefusal {
  const line = lines[0] ?? "";
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const method = line.slice(0, Math.max(0, first));
  const target = line.slice(first + 1, second);
  const version = line.slice(second + 1);
  // Without a version it is HTTP/0.9, which has no heads and is older than any client of ours.
  if (second === -1 || !METHOD.test(method) || !TARGET.test(target)) return 400;
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") return VERSION.test(version) ? 505 : 400;
  const fields = readFields(lines.slice(1));
  if (fields === null || !hostIsSound(fields, version)) return 400;
  const hasBody = announcesBody(fields, version);
  return hasBody === null ? 400 : { method, target, version, fields, hasBody, length };
}

/** RFC 9112 section 3.2. */
function hostIsSound({ host }: RequestFields, version: string): boolean {
  return host === undefined ? version === "HTTP/1.0" : HOST.test(host);
}

/** RFC 9112 section 6.3; `null` when it could be read in two ways. */
function announcesBody(fields: RequestFields, version: string): boolean | null {
  const length = fields["content-length"];
  const coding = fields["transfer-encoding"];
  if (coding !== undefined)
    return length === undefined && version === "HTTP/1.1" && coding.toLowerCase() === "chunked" ? true : null;
  if (length === undefined) return false;
  return /^\d{1,15}$/.test(length) ? Number(length) > 0 : null;
}
