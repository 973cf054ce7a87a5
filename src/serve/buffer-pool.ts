/** Bytes of a large buffer: measured best for whole files over HTTP, and of a small one. */
export const LARGE_BYTES = 512 * 1024;
export const SMALL_BYTES = 64 * 1024;

/**
 * Buffers for bodies. The large ones are few, and nobody waits for one: who gets none goes on with a small one. So the
 * memory of all transfers is bounded by the number of connections, and clients that read slowly cannot take what the
 * fast ones need.
 */
export class BufferPool {
  readonly #most: number;
  readonly #large: Buffer[] = [];
  readonly #small: Buffer[] = [];
  #largeOut = 0;

  constructor(mostLarge: number) {
    this.#most = mostLarge;
  }

  /** Large buffers in use. */
  get largeOut(): number {
    return this.#largeOut;
  }

  /** A large buffer if one is wanted and free, else a small one. Give it back. */
  take(large: boolean): Buffer {
    if (!large || this.#largeOut >= this.#most) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
    this.#largeOut += 1;
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  give(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) {
      this.#largeOut -= 1;
      this.#large.push(buffer);
    } else if (this.#small.length < this.#most) {
      this.#small.push(buffer);
    }
  }
}
