import type { Duration, Instant } from "../core/kernel/instant.ts";

/** What a client must take: bytes a second, over a window. */
export interface LeastRate {
  readonly bytesPerSecond: number;
  readonly window: Duration;
}

/**
 * Watches whether a client takes what it asked for. One that reads a byte a minute holds a connection and a buffer for
 * days (slowloris, the other way round).
 */
export class DeliveryWatch {
  readonly #least: LeastRate;
  #since: Instant | null = null;
  #base = 0;

  constructor(least: LeastRate) {
    this.#least = least;
  }

  /**
   * One look at `now`: `delivered` bytes have left, `waiting` bytes wait for the client to take more. `true` when it is
   * too slow. While nothing waits for the client, what is slow is ours.
   */
  tooSlow(now: Instant, delivered: number, waiting: number): boolean {
    if (waiting === 0) {
      this.#since = null;
      return false;
    }
    const owed = (this.#least.bytesPerSecond * this.#least.window) / 1_000;
    if (this.#since === null || delivered - this.#base >= owed) {
      this.#since = now;
      this.#base = delivered;
      return false;
    }
    return now - this.#since >= this.#least.window;
  }
}
