import { Failure } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { malformed, parseField, type ResponseHead, single } from "./response-head.ts";

/** How a body's end is told (RFC 9112 section 6.3). */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

/**
 * Reads the framing from a head. Anything that two readers could understand differently (request smuggling's other
 * half) is `upstream.malformed`: repeated lengths, a length beside a transfer coding, a coding but `chunked`.
 */
export function framingOf(head: ResponseHead): Framing {
  const coding = single(head, "transfer-encoding");
  const length = single(head, "content-length");
  if (coding !== null) {
    if (length !== null) throw malformed("both a length and a transfer coding");
    if (head.minor === 0) throw malformed("a transfer coding in HTTP/1.0");
    if (coding.toLowerCase() !== "chunked") throw malformed("a transfer coding but chunked");
  }
  if (length !== null && !(/^\d{1,16}$/.test(length) && Number.isSafeInteger(Number(length)))) {
    throw malformed("a content length that is no number");
  }
  if (head.status === 204 || head.status === 304) return { kind: "none" };
  if (coding !== null) return { kind: "chunked" };
  return length === null ? { kind: "until-close" } : { kind: "length", bytes: Number(length) };
}

const CHUNK_LINE = /^([0-9a-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i;

type Expecting = "size-line" | "data" | "data-end" | "trailer" | "bytes" | "anything" | "nothing";

/** Takes a body out of its framing, whatever the pieces it comes in. Throws `upstream.malformed`, `upstream.cut-off`. */
export class BodyReader {
  #expecting: Expecting;
  #left = 0;
  #line = "";
  #trailerBytes = 0;
  #trailerCount = 0;
  #excess = 0;

  constructor(framing: Framing) {
    switch (framing.kind) {
      case "none":
        this.#expecting = "nothing";
        break;
      case "length":
        this.#left = framing.bytes;
        this.#expecting = framing.bytes === 0 ? "nothing" : "bytes";
        break;
      case "chunked":
        this.#expecting = "size-line";
        break;
      case "until-close":
        this.#expecting = "anything";
        break;
    }
  }

  get done(): boolean {
    return this.#expecting === "nothing";
  }

  /** Bytes that came after the end of the body: such a connection has lost its step. */
  get excess(): number {
    return this.#excess;
  }

  /** The body's bytes in `chunk`, as views into it. */
  push(chunk: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      switch (this.#expecting) {
        case "anything":
          pieces.push(chunk.subarray(at));
          return pieces;
        case "nothing":
          this.#excess += chunk.length - at;
          return pieces;
        case "bytes":
        case "data": {
          const taken = Math.min(this.#left, chunk.length - at);
          pieces.push(chunk.subarray(at, at + taken));
          at += taken;
          this.#left -= taken;
          if (this.#left === 0) this.#expecting = this.#expecting === "bytes" ? "nothing" : "data-end";
          break;
        }
        case "size-line":
        case "data-end":
        case "trailer":
          at = this.#takeLine(chunk, at);
          break;
      }
    }
    return pieces;
  }

  /** The connection has ended: the body too, or it was cut off. */
  end(): void {
    if (this.#expecting === "anything") this.#expecting = "nothing";
    if (!this.done) throw new Failure("upstream.cut-off", "the connection ended before the body", { retry: "later" });
  }

  #takeLine(chunk: Uint8Array, from: number): number {
    const most = this.#mostLineBytes();
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at++] ?? 0;
      if (byte === 10) {
        if (!this.#line.endsWith("\r")) throw malformed("a bare line feed between chunks");
        const line = this.#line.slice(0, -1);
        this.#line = "";
        this.#lineEnded(line);
        return at;
      }
      if (this.#line.length >= most) throw malformed(`a line between chunks (${this.#expecting}) over the limit`);
      this.#line += String.fromCharCode(byte);
    }
    return at;
  }

  #mostLineBytes(): number {
    if (this.#expecting === "data-end") return 1;
    return this.#expecting === "trailer" ? LIMITS.upstreamHeaderBytes - this.#trailerBytes : LIMITS.chunkLineBytes;
  }

  #lineEnded(line: string): void {
    if (this.#expecting === "data-end") {
      // The ceiling of one byte has let nothing through but the carriage return.
      this.#expecting = "size-line";
    } else if (this.#expecting === "size-line") {
      const match = CHUNK_LINE.exec(line);
      if (match === null) throw malformed("a chunk's size line");
      this.#left = Number.parseInt(match[1] ?? "", 16);
      this.#expecting = this.#left === 0 ? "trailer" : "data";
    } else if (line === "") {
      this.#expecting = "nothing";
    } else {
      // Trailers are checked and dropped: nothing in them is wanted (RFC 9110 section 6.5).
      parseField(line);
      this.#trailerBytes += line.length + 2;
      this.#trailerCount += 1;
      if (this.#trailerCount > LIMITS.upstreamHeaderCount) throw malformed("too many trailers");
    }
  }
}
