import type { Socket } from "node:net";
import type { Duration, Instant } from "../../../core/kernel/instant.ts";
import type { OpenBlob } from "../../blobs.ts";
import { type BufferPool, LARGE_BYTES, SMALL_BYTES } from "../../buffer-pool.ts";
import { DeliveryWatch, type LeastRate } from "../../least-rate.ts";
import { Pace } from "../../pace.ts";
import { unsentBytes } from "../../unsent-bytes.ts";

/** How long the data connection is kept after its end was sent, for the client to end it too. */
const LINGER: Duration = 10_000;

/**
 * How a transfer ended. `gone`: the client closed the data connection, or sent into it; `aborted`: it said ABOR, or
 * left; `slow`: it took less than the least rate; `short`: the file no longer has the bytes that were promised.
 */
export type Ended = "sent" | "gone" | "aborted" | "slow" | "short";

/** One transfer over one data connection (RFC 959 section 3.4.1, stream mode: its end is the end of the file). */
export class Transfer {
  readonly #socket: Socket;
  /** What the kernel has taken is read here: under TLS the connection below. */
  readonly #wire: Socket;
  readonly #watch: DeliveryWatch;
  #ended: Ended | null = null;
  #onGone: (() => void) | null = null;
  #sent = 0;

  constructor(socket: Socket, wire: Socket, least: LeastRate) {
    this.#socket = socket;
    this.#wire = wire;
    this.#watch = new DeliveryWatch(least);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#end("gone"));
    // A client has nothing to say on a download.
    socket.on("data", () => this.cut("gone"));
    socket.resume();
    if (socket.destroyed) this.#ended = "gone";
  }

  /** Bytes of content that have left. */
  get sent(): number {
    return this.#sent;
  }

  /** Ends it at once. */
  cut(why: "aborted" | "gone"): void {
    this.#end(why);
    this.#socket.destroy();
  }

  #end(why: Ended): void {
    this.#ended ??= why;
    this.#onGone?.();
  }

  /** A look once a second: cuts a client that takes too little of what it asked for. */
  look(now: Instant): void {
    const waiting = unsentBytes(this.#wire);
    if (this.#watch.tooSlow(now, this.#wire.bytesWritten - waiting, waiting)) this.#reset("slow");
  }

  async file(blob: OpenBlob, from: number, size: number, buffers: BufferPool, elapsed: () => Instant): Promise<Ended> {
    if (blob.held !== null) return this.#held(blob.held.subarray(from), elapsed);
    const pace = new Pace();
    for (let at = from; at < size; ) {
      const buffer = buffers.take(pace.large(size - at));
      try {
        const read = await blob.read(buffer, Math.min(size - at, buffer.length), at);
        if (read === 0) {
          this.#reset("short");
          return "short";
        }
        const began = elapsed();
        if (!(await this.#write(buffer.subarray(0, read)))) return this.#ended ?? "gone";
        at += read;
        pace.took(read, elapsed() - began);
      } finally {
        buffers.give(buffer);
      }
    }
    return this.#last(null);
  }

  /** In clear at once: the kernel takes what it can, and nobody else has a copy. TLS makes one of what it is given. */
  async #held(bytes: Uint8Array, elapsed: () => Instant): Promise<Ended> {
    let left = bytes;
    const pace = new Pace(0);
    while (this.#socket !== this.#wire && left.length > SMALL_BYTES) {
      const piece = left.subarray(0, pace.large(left.length) ? LARGE_BYTES : SMALL_BYTES);
      const began = elapsed();
      if (!(await this.#write(piece))) return this.#ended ?? "gone";
      left = left.subarray(piece.length);
      pace.took(piece.length, elapsed() - began);
    }
    return this.#last(left);
  }

  /** Text in pieces, each made when the one before has left. `complete` is what the pieces say of themselves. */
  async text(pieces: Generator<string, boolean>): Promise<{ readonly ended: Ended; readonly complete: boolean }> {
    for (;;) {
      const piece = pieces.next();
      if (piece.done === true) return { ended: await this.#last(null), complete: piece.value };
      if (piece.value === "") continue;
      // A client that takes all at once would keep the others from their turn until a long listing is told.
      if (this.#sent > 0) await new Promise((resolve) => setImmediate(resolve));
      if (!(await this.#write(Buffer.from(piece.value)))) return { ended: this.#ended ?? "gone", complete: false };
    }
  }

  /** `false` when the connection is gone. The bytes may be used again afterwards: nothing reads them any more. */
  #write(bytes: Uint8Array): Promise<boolean> {
    if (this.#ended !== null) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#onGone = () => resolve(false);
      this.#socket.write(bytes, (error) => {
        const taken = error === null || error === undefined;
        if (taken) this.#sent += bytes.length;
        resolve(taken);
      });
    });
  }

  /** The last bytes, and the end; whoever reads to the end has all. */
  #last(bytes: Uint8Array | null): Promise<Ended> {
    if (this.#ended !== null) return Promise.resolve(this.#ended);
    return new Promise((resolve) => {
      this.#onGone = () => resolve(this.#ended ?? "gone");
      this.#socket.once("finish", () => {
        if (this.#ended !== null) return;
        this.#onGone = null;
        this.#sent += bytes?.length ?? 0;
        this.#ended = "sent";
        // Not destroyed now: what the client has still to take could be lost to a reset.
        const timer = setTimeout(() => this.#socket.destroy(), LINGER);
        timer.unref();
        this.#socket.once("close", () => clearTimeout(timer));
        resolve("sent");
      });
      if (bytes === null) this.#socket.end();
      else this.#socket.end(bytes);
    });
  }

  /** Ends what will never be whole by a reset: in stream mode an orderly end says that the file is complete. */
  #reset(why: "slow" | "short"): void {
    this.#end(why);
    this.#wire.resetAndDestroy();
    this.#socket.destroy();
  }

  /** Lets go of a connection that has ended and that the client has left open. */
  forget(): void {
    this.#socket.destroy();
  }
}
