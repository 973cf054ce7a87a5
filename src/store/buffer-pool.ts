/** Bytes gathered for one write. */
export const BUFFER_BYTES: number = 1024 * 1024;
/** Buffers that wait for use; more than that are given back to the heap. */
const SPARE_BUFFERS = 32;

/** Buffers that every landing of one quarantine shares: a thousand small files need no thousand buffers. */
export class BufferPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  give(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }

  async lend<T>(use: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = this.take();
    try {
      return await use(buffer);
    } finally {
      this.give(buffer);
    }
  }
}
