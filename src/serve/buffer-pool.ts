/** Bytes of a large buffer: measured best for whole files over HTTP; of a small one; and of what is left when those are out. */
export const LARGE_BYTES = 512 * 1024;
export const SMALL_BYTES = 64 * 1024;
const LEAST_BYTES = 8 * 1024;
/** Bytes that are read at once for a client that has not shown yet what it takes; and of what one that stalls is left with. */
export const STAGE_BYTES = 256 * 1024;
const SLICE_BYTES = 16 * 1024;

/** How many there are of each: 8 MiB of the large and of the small, 2 MiB of stages. */
const MOST_LARGE = 16;
const MOST_SMALL = 128;
const MOST_STAGES = 8;

/**
 * Buffers for bodies. The large ones are few, and nobody waits for one: who gets none goes on with a smaller one. Stages
 * are waited for, in turn, and nobody keeps one while a client is waited for: a thousand that stall hold a slice each,
 * some 16 MiB between them, and cannot take what the fast ones need.
 */
export class BufferPool {
  readonly #large: Shelf;
  readonly #small = new Shelf(SMALL_BYTES, MOST_SMALL);
  // As many as there are connections. Kept: what is made anew for each piece is more than the collector keeps up with.
  readonly #least = new Shelf(LEAST_BYTES, Number.POSITIVE_INFINITY);
  readonly #slices = new Shelf(SLICE_BYTES, Number.POSITIVE_INFINITY);
  readonly #stages = new Shelf(STAGE_BYTES, MOST_STAGES);
  readonly #waiting: ((stage: Buffer) => void)[] = [];

  constructor(mostLarge: number = MOST_LARGE) {
    this.#large = new Shelf(LARGE_BYTES, mostLarge);
  }

  /** Large buffers in use. */
  get largeOut(): number {
    return this.#large.out;
  }

  /** A large buffer, if one is free. Give it back. */
  takeLarge(): Buffer | null {
    return this.#large.take();
  }

  /** A stage, in turn. Give it back before a client is waited for. */
  stage(): Promise<Buffer> {
    const free = this.#stages.take();
    return free === null ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(free);
  }

  giveStage(stage: Buffer): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#stages.give(stage);
    else next(stage);
  }

  /** What a client that may stall is left with. Give it back. */
  slice(): Buffer {
    return this.#slices.lend();
  }

  giveSlice(slice: Buffer): void {
    this.#slices.give(slice);
  }

  /** A large buffer if one is wanted and free, else a smaller one. Give it back. */
  take(large: boolean): Buffer {
    return (large ? this.#large.take() : null) ?? this.#small.take() ?? this.#least.lend();
  }

  give(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) this.#large.give(buffer);
    else if (buffer.length === SMALL_BYTES) this.#small.give(buffer);
    else this.#least.give(buffer);
  }
}

/** The buffers of one size. Those that were given back are kept: there are never more of them than may be out. */
class Shelf {
  readonly #bytes: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];
  out = 0;

  constructor(bytes: number, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  take(): Buffer | null {
    return this.out < this.#most ? this.lend() : null;
  }

  lend(): Buffer {
    this.out += 1;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  give(buffer: Buffer): void {
    this.out -= 1;
    this.#free.push(buffer);
  }
}
