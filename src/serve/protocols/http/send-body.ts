import type { ServerResponse } from "node:http";
import type { Instant } from "../../../core/kernel/instant.ts";
import type { OpenBlob } from "../../blobs.ts";
import { type BufferPool, SMALL_BYTES } from "../../buffer-pool.ts";
import type { Piece } from "./plan-file.ts";
import type { ByteRange } from "./ranges.ts";

/** Bytes a millisecond from which on a client is lent large buffers: it will not sit on one. */
const FAST = 256;

/** How a body ended: `short` when the file no longer has the bytes that were promised. */
export type Sent = "sent" | "gone" | "short";

/** Writes one answer's body, each piece after the one before has left this process. */
export class BodyWriter {
  readonly #response: ServerResponse;
  #gone = false;
  #onGone: (() => void) | null = null;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once("close", () => {
      this.#gone = true;
      this.#onGone?.();
    });
  }

  /** `false` when the client is gone. The bytes may be used again afterwards: nothing reads them any more. */
  write(bytes: Uint8Array | string): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#onGone = () => resolve(false);
      this.#response.write(bytes, (error) => resolve(error === null || error === undefined));
    });
  }

  async pieces(pieces: readonly Piece[], blob: OpenBlob, buffers: BufferPool, elapsed: () => Instant): Promise<Sent> {
    for (const piece of pieces) {
      const sent =
        piece instanceof Uint8Array ? await this.#own(piece) : await this.#ofFile(piece, blob, buffers, elapsed);
      if (sent !== "sent") return sent;
    }
    return "sent";
  }

  async #own(bytes: Uint8Array): Promise<Sent> {
    return (await this.write(bytes)) ? "sent" : "gone";
  }

  async #ofFile(range: ByteRange, blob: OpenBlob, buffers: BufferPool, elapsed: () => Instant): Promise<Sent> {
    if (blob.held !== null) return this.#own(blob.held.subarray(range.first, range.last + 1));
    let fast = false;
    for (let at = range.first; at <= range.last; ) {
      const left = range.last + 1 - at;
      const buffer = buffers.take(fast && left > SMALL_BYTES);
      try {
        const read = await blob.read(buffer, Math.min(left, buffer.length), at);
        if (read === 0) return "short";
        const began = elapsed();
        if (!(await this.write(buffer.subarray(0, read)))) return "gone";
        at += read;
        // Large writes are what makes us fast, and are lent to those alone who have just shown that they take them:
        // whoever stalls with one gives it back when the least rate cuts him.
        fast = read >= (elapsed() - began) * FAST;
      } finally {
        buffers.give(buffer);
      }
    }
    return "sent";
  }
}
