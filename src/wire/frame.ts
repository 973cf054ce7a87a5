import { Failure } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { isTooIntricate } from "./json-shape.ts";

/**
 * Every byte between two of our processes is in a frame: a type (1 byte), a length (4 bytes, big-endian), a payload.
 * A message frame holds one JSON value in UTF-8, a data frame raw bytes. Both have ceilings that the reader enforces
 * from the header, before it keeps a byte.
 */
const MESSAGE = 1;
const DATA = 2;
const HEADER_BYTES = 5;
/** Room that a message is given at first; it doubles as bytes come, and is never given on the header's word. */
const FIRST_ROOM = 4 * 1024;

export interface FrameHandler {
  message(value: unknown): void;
  /** A piece of a data frame, valid only during the call: the buffer under it is used again. */
  data(piece: Uint8Array): void;
}

function header(type: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  bytes.writeUInt8(type, 0);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

export function messageFrame(value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value));
  return Buffer.concat([header(MESSAGE, payload.length), payload]);
}

/** The header of a data frame of `length` bytes; the payload is written after it without a copy. */
export function dataHeader(length: number): Uint8Array {
  return header(DATA, length);
}

/** Takes a stream of bytes apart into frames. One reader per connection; it throws `worker.protocol` on a bad frame. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #mostMessageBytes: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #type = 0;
  #left = 0;
  #message: Buffer = Buffer.alloc(0);
  #messageFilled = 0;

  constructor(handler: FrameHandler, mostMessageBytes: number = LIMITS.messageBytes) {
    this.#handler = handler;
    this.#mostMessageBytes = mostMessageBytes;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < HEADER_BYTES) {
        const taken = Math.min(HEADER_BYTES - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + taken), this.#headerFilled);
        this.#headerFilled += taken;
        at += taken;
        if (this.#headerFilled < HEADER_BYTES) return;
        this.#begin();
        continue;
      }
      const taken = Math.min(this.#left, chunk.length - at);
      this.#take(chunk.subarray(at, at + taken));
      at += taken;
    }
  }

  #begin(): void {
    this.#type = this.#header.readUInt8(0);
    this.#left = this.#header.readUInt32BE(1);
    const most = this.#type === MESSAGE ? this.#mostMessageBytes : this.#type === DATA ? LIMITS.frameBytes : -1;
    if (this.#left > most) throw new Failure("worker.protocol", `frame of type ${this.#type} with ${this.#left} bytes`);
    if (this.#left === 0) this.#take(new Uint8Array(0));
  }

  #take(piece: Uint8Array): void {
    this.#left -= piece.length;
    if (this.#type === DATA) {
      if (piece.length > 0) this.#handler.data(piece);
    } else {
      this.#keep(piece);
    }
    if (this.#left > 0) return;
    this.#headerFilled = 0;
    if (this.#type !== MESSAGE) return;
    const text = this.#message.subarray(0, this.#messageFilled);
    this.#message = Buffer.alloc(0);
    this.#messageFilled = 0;
    this.#handler.message(parse(text));
  }

  // Copied, for the chunk under the piece is used again; into one place, for a buffer of its own for each byte that
  // somebody sends alone would be a hundred times the message.
  #keep(piece: Uint8Array): void {
    const filled = this.#messageFilled + piece.length;
    if (filled > this.#message.length) {
      const room = Buffer.allocUnsafe(
        Math.min(filled + this.#left, Math.max(filled, FIRST_ROOM, this.#message.length * 2)),
      );
      this.#message.copy(room, 0, 0, this.#messageFilled);
      this.#message = room;
    }
    this.#message.set(piece, this.#messageFilled);
    this.#messageFilled = filled;
  }
}

function parse(text: Buffer): unknown {
  if (isTooIntricate(text)) throw new Failure("worker.protocol", "a message of more parts than any of ours");
  try {
    return JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw new Failure("worker.protocol", "a message that is not JSON", { cause });
  }
}
