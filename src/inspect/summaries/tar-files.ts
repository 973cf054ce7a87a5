const BLOCK = 512;

/**
 * Reads the regular files of an ordinary tar archive (ustar, with folders and whatever else between) as they pass. It
 * is for looking only: nothing is unpacked, names lead nowhere, and what is no regular file is passed over.
 */
export class TarFiles {
  readonly #begin: (name: string) => ((piece: Uint8Array | null) => void) | null;
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #left = 0;
  #padding = 0;
  #take: ((piece: Uint8Array | null) => void) | null = null;
  fault: string | null = null;

  /** `begin` answers who takes a file's bytes (and `null` at its end), or `null`: nobody. */
  constructor(begin: (name: string) => ((piece: Uint8Array | null) => void) | null) {
    this.#begin = begin;
  }

  push(piece: Uint8Array): void {
    for (let rest = piece; rest.length > 0 && this.fault === null; ) rest = rest.subarray(this.#step(rest));
  }

  end(): void {
    if (this.#left > 0 || this.#filled > 0) this.fault ??= "the archive is cut off";
  }

  #step(piece: Uint8Array): number {
    if (this.#left > 0) {
      const data = piece.subarray(0, this.#left);
      this.#left -= data.length;
      this.#take?.(data);
      if (this.#left === 0) this.#close();
      return data.length;
    }
    if (this.#padding > 0) {
      const skipped = Math.min(this.#padding, piece.length);
      this.#padding -= skipped;
      return skipped;
    }
    const part = piece.subarray(0, BLOCK - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === BLOCK) this.#header();
    return part.length;
  }

  #header(): void {
    this.#filled = 0;
    if (this.#block[0] === 0) return;
    const size = /^ *([0-7]{1,11})[ \0]*$/.exec(this.#block.toString("latin1", 124, 136))?.[1];
    if (size === undefined) {
      this.fault = "a member's size is not octal";
      return;
    }
    const [name = ""] = this.#block.toString("latin1", 0, 100).split("\0");
    const type = this.#block[156];
    this.#take = type === 0 || type === 0x30 ? this.#begin(name) : null;
    this.#left = Number.parseInt(size, 8);
    this.#padding = (BLOCK - (this.#left % BLOCK)) % BLOCK;
    if (this.#left === 0) this.#close();
  }

  #close(): void {
    this.#take?.(null);
    this.#take = null;
  }
}
