import type { Duration } from "../core/kernel/instant.ts";
import { SMALL_BYTES } from "./buffer-pool.ts";

/** Bytes a millisecond from which on a client takes what it is given: it will not sit on a large buffer. */
const FAST = 256;
/**
 * Bytes that a client must have taken before that counts. Whoever reads nothing seems fast at first: his window and our
 * kernel's buffer take some hundred kilobytes for him.
 */
export const PROVEN = 512 * 1024;

/**
 * How fast one client takes one body. Large writes are what makes us fast, and are lent to those alone who have just shown
 * that they take them: whoever stalls with one gives it back when the least rate cuts him.
 */
export class Pace {
  readonly #proven: number;
  #taken = 0;
  #fast = false;

  /** `proven`: bytes to be taken before a large piece; 0 where a piece is nobody's buffer. */
  constructor(proven: number = PROVEN) {
    this.#proven = proven;
  }

  /** Whether the next piece may be a large one; `left` is what the body still has. */
  large(left: number): boolean {
    return this.#fast && this.#taken >= this.#proven && left > SMALL_BYTES;
  }

  took(bytes: number, within: Duration): void {
    this.#taken += bytes;
    this.#fast = bytes >= within * FAST;
  }
}
