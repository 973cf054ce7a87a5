import type { Received } from "./command-reader.ts";

/**
 * What has come and is not answered yet, in order. One piece from the kernel may hold tens of thousands of empty lines,
 * and taking the first of so many out of an array moves all the others each time.
 */
export class WaitingLines {
  #lines: Received[] = [];
  #next = 0;

  get length(): number {
    return this.#lines.length - this.#next;
  }

  put(line: Received): void {
    this.#lines.push(line);
  }

  take(): Received | undefined {
    const line = this.#lines[this.#next];
    this.#next += 1;
    if (this.#next >= this.#lines.length) this.clear();
    return line;
  }

  clear(): void {
    this.#lines = [];
    this.#next = 0;
  }
}
