/**
 * Lets many runs work side by side, or one collection alone: a collection that ran beside a sync could remove the blob
 * that the sync has just found at hand and is about to name. First come, first served.
 */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();
  #sharers: Promise<void>[] = [];

  /** Works beside other sharers, after any earlier `alone`. */
  async shared<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sharers.push(promise);
    try {
      await before;
      return await work();
    } finally {
      resolve();
      this.#sharers = this.#sharers.filter((sharer) => sharer !== promise);
    }
  }

  /** Works when everybody before has finished, and lets nobody in meanwhile. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = Promise.all([this.#last, ...this.#sharers]);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await before;
      return await work();
    } finally {
      resolve();
    }
  }
}
