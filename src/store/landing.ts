import { rmSync } from "node:fs";
import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Landed, Landing } from "../core/ports.ts";
import { BUFFER_BYTES, type BufferPool } from "./buffer-pool.ts";
import { storeFailure } from "./durable.ts";
import type { OpenFile } from "./open-file.ts";
import type { RunningDigest } from "./running-digest.ts";

/** Bytes of one landing that may wait for the disk before its sender is asked to wait, and below which it goes on. */
const MOST_UNWRITTEN = 4 * BUFFER_BYTES;
const GO_ON = BUFFER_BYTES;

/** So few bytes are copied to the kernel sooner than they are handed to another thread. */
const LITTLE = 256 * 1024;

/** What is known of the bytes of an interrupted download. */
export interface KeptPart {
  readonly path: string;
  readonly size: number;
  readonly sha256: Sha256;
}

export interface LandingOptions {
  readonly file: string;
  readonly path: string;
  readonly handle: OpenFile;
  /** Of the bytes that the file holds already; its size is where writing goes on. */
  readonly digest: RunningDigest;
  readonly most: number;
  readonly pool: BufferPool;
  readonly written: () => void;
  /** Takes a part over for a later resume; `false` when it is not wanted. */
  readonly keep: (part: KeptPart) => Promise<boolean>;
  readonly ended: () => void;
}

/** One file on its way into quarantine. Slices are copied and hashed as they come, and written behind the sender's back. */
export class LandingFile implements Landing {
  readonly #options: LandingOptions;
  readonly #digest: RunningDigest;
  #position: number;
  #filling: Buffer | null = null;
  #filled = 0;
  readonly #queue: { readonly buffer: Buffer; readonly length: number }[] = [];
  #unwritten = 0;
  #pumping: Promise<void> | null = null;
  #waiting: (() => void)[] = [];
  #failure: Failure | null = null;
  #over = false;

  constructor(options: LandingOptions) {
    this.#options = options;
    this.#digest = options.digest;
    this.#position = options.digest.size;
  }

  get size(): number {
    return this.#digest.size;
  }

  write(piece: Uint8Array): boolean {
    if (this.#failure !== null) throw this.#failure;
    if (this.#over) throw new Error("the landing is over");
    // Before the first byte of the slice is kept: an endless file never stands on the disk past its cap.
    if (piece.length > this.#options.most - this.size) {
      this.#failure = new Failure("upstream.over-cap", `more than ${this.#options.most} bytes`);
      throw this.#failure;
    }
    this.#digest.update(piece);
    for (let at = 0; at < piece.length; ) {
      this.#filling ??= this.#options.pool.take();
      const taken = Math.min(piece.length - at, this.#filling.length - this.#filled);
      this.#filling.set(piece.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#filling.length) this.#flush();
    }
    return this.#unwritten < MOST_UNWRITTEN;
  }

  async ready(): Promise<void> {
    while (this.#failure === null && this.#unwritten > GO_ON) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  async finish(): Promise<Landed> {
    if (this.#over) throw new Error("the landing is over");
    this.#over = true;
    await this.#drain();
    const failure = this.#failure ?? this.#close();
    if (failure !== null) {
      this.#forget();
      throw failure;
    }
    this.#options.ended();
    this.#options.written();
    return { file: this.#options.file, size: this.size, sha256: this.#digest.sha256(), sha512: this.#digest.sha512() };
  }

  /**
   * Keeps nothing after a failure: past its cap the file is known to be wrong, and after a failed write its hash
   * covers bytes that are not there. Never throws: what cannot be kept or removed now, the next sweep removes.
   */
  async abandon(keep: boolean): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    if (!keep) this.#empty();
    await this.#drain();
    const wanted = keep && this.#failure === null && this.size > 0;
    if (!wanted || this.#close() !== null || !(await this.#handOver())) this.#forget();
    else this.#options.ended();
  }

  async #handOver(): Promise<boolean> {
    const part = { path: this.#options.path, size: this.size, sha256: this.#digest.sha256() };
    return this.#options.keep(part).catch((cause: unknown) => {
      storeFailure(cause, "keeping an interrupted download");
      return false;
    });
  }

  #flush(): void {
    if (this.#filling === null) return;
    this.#queue.push({ buffer: this.#filling, length: this.#filled });
    this.#unwritten += this.#filled;
    this.#filling = null;
    this.#filled = 0;
    this.#pumping ??= this.#pump();
  }

  // One write at a time and in order: the disk gets long sequential writes, and a failure leaves no hole behind it.
  async #pump(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        try {
          await this.#writeAll(next.buffer, next.length);
        } finally {
          this.#options.pool.give(next.buffer);
          this.#unwritten -= next.length;
        }
        this.#wake();
      }
    } catch (cause) {
      this.#failure ??= storeFailure(cause, "writing into quarantine");
      this.#empty();
    } finally {
      this.#pumping = null;
      this.#wake();
    }
  }

  async #writeAll(buffer: Buffer, length: number): Promise<void> {
    if (length <= LITTLE) this.#options.handle.writeNow(buffer, length, this.#position);
    else await this.#options.handle.write(buffer, length, this.#position);
    this.#position += length;
  }

  async #drain(): Promise<void> {
    if (this.#failure === null) this.#flush();
    else this.#empty();
    await this.#pumping;
  }

  /** Gives back what waits to be written; a write under way keeps its buffer until it ends. */
  #empty(): void {
    for (const { buffer, length } of this.#queue.splice(0)) {
      this.#options.pool.give(buffer);
      this.#unwritten -= length;
    }
    if (this.#filling !== null) this.#options.pool.give(this.#filling);
    this.#filling = null;
    this.#filled = 0;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  // Some file systems tell of a full disk or a quota only here.
  #close(): Failure | null {
    try {
      this.#options.handle.close();
      return null;
    } catch (cause) {
      return storeFailure(cause, "closing a file in quarantine");
    }
  }

  #forget(): void {
    this.#options.ended();
    this.#close();
    try {
      rmSync(this.#options.path, { force: true });
    } catch (cause) {
      storeFailure(cause, "removing a file from quarantine");
    }
  }
}
