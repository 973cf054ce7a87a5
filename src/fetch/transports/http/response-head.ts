import { Failure, quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";

/** The head of a response (RFC 9112 sections 4 and 5). */
export interface ResponseHead {
  /** 0 or 1, of HTTP/1.x. */
  readonly minor: number;
  readonly status: number;
  /** Lower-case names; every value as it came, in order, without the white space around it. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

const CR = 13;
const LF = 10;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
// A token, the colon at once after it (white space there has been read as two different names), and visible text.
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Takes a response's head from the bytes as they come, whatever the pieces. Strict where leniency has been an attack:
 * bare line feeds, folded lines, space before the colon, control characters. Throws `upstream.malformed`.
 */
export class HeadReader {
  #held: Buffer | null = null;
  #length = 0;
  #scanned = 0;
  #lines: [start: number, end: number][] = [];
  #lineStart = 0;

  /** The head and the bytes after it, or `null` while it is incomplete. */
  push(chunk: Uint8Array): { readonly head: ResponseHead; readonly rest: Uint8Array } | null {
    const before = this.#length;
    const bytes = this.#append(chunk);
    const end = this.#scan(bytes);
    if (end === null) {
      if (this.#length >= LIMITS.upstreamHeaderBytes) throw malformed("head over the limit");
      this.#hold(bytes);
      return null;
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
    const lines = this.#lines.map(([from, to]) => text.slice(from, to));
    return { head: parseHead(lines), rest: chunk.subarray(end - before) };
  }

  // The usual head comes in one piece and is read where it lies; only a divided one is gathered.
  #append(chunk: Uint8Array): Uint8Array {
    const room = LIMITS.upstreamHeaderBytes - this.#length;
    const added = chunk.subarray(0, room);
    const before = this.#length;
    this.#length += added.length;
    if (this.#held === null) return added;
    this.#held.set(added, before);
    return this.#held.subarray(0, this.#length);
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held !== null) return;
    this.#held = Buffer.alloc(LIMITS.upstreamHeaderBytes);
    this.#held.set(bytes);
  }

  /** Where the head ends, the empty line included. */
  #scan(bytes: Uint8Array): number | null {
    for (; this.#scanned < bytes.length; this.#scanned++) {
      if (bytes[this.#scanned] !== LF) continue;
      const end = this.#scanned - 1;
      if (end < this.#lineStart || bytes[end] !== CR) throw malformed("a bare line feed in the head");
      if (end === this.#lineStart) return this.#scanned + 1;
      this.#lines.push([this.#lineStart, end]);
      if (this.#lines.length > LIMITS.upstreamHeaderCount + 1) throw malformed("too many header fields");
      this.#lineStart = this.#scanned + 1;
    }
    return null;
  }
}

function parseHead(lines: readonly string[]): ResponseHead {
  const [statusLine = "", ...fieldLines] = lines;
  const match = STATUS_LINE.exec(statusLine);
  if (match === null) throw malformed(`status line "${quoteOutside(statusLine)}"`);
  const fields = new Map<string, string[]>();
  for (const line of fieldLines) {
    const [name, value] = parseField(line);
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return { minor: Number(match[1]), status: Number(match[2]), fields };
}

/** One field line without its line end, as lower-case name and value. Throws `upstream.malformed`. */
export function parseField(line: string): readonly [name: string, value: string] {
  const match = FIELD_LINE.exec(line);
  if (match === null) throw malformed(`header field "${quoteOutside(line)}"`);
  return [(match[1] ?? "").toLowerCase(), (match[2] ?? "").replace(/[ \t]+$/, "")];
}

/** The value of a field that may stand only once; `null` when it is absent. Throws `upstream.malformed`. */
export function single(head: ResponseHead, name: string): string | null {
  const values = head.fields.get(name);
  if (values === undefined) return null;
  if (values.length > 1) throw malformed(`${name} stands ${values.length} times`);
  return values[0] ?? null;
}

export function malformed(detail: string): Failure {
  return new Failure("upstream.malformed", detail);
}
