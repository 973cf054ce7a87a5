import type { Duration, Instant } from "../core/kernel/instant.ts";

/**
 * Whether an upstream delivers at least `leastRate` bytes a second, averaged over the last `window`. Time in which we
 * ourselves were not ready to take bytes does not count: a slow disk is not the vendor's fault.
 */
export class RateMeter {
  readonly #leastRate: number;
  readonly #window: Duration;
  #total = 0;
  #active: Duration = 0;
  #runningSince: Instant | null;
  // What had come at each earlier look, in active time; the first is the newest that lies a whole window back.
  #looks: { readonly active: Duration; readonly total: number }[] = [{ active: 0, total: 0 }];

  constructor(leastRate: number, window: Duration, now: Instant) {
    this.#leastRate = leastRate;
    this.#window = window;
    this.#runningSince = now;
  }

  count(bytes: number): void {
    this.#total += bytes;
  }

  pause(now: Instant): void {
    this.#active = this.#activeAt(now);
    this.#runningSince = null;
  }

  resume(now: Instant): void {
    this.#runningSince ??= now;
  }

  /** Looks once; meant to be called several times in each window. */
  tooSlow(now: Instant): boolean {
    const active = this.#activeAt(now);
    while ((this.#looks[1]?.active ?? Number.POSITIVE_INFINITY) <= active - this.#window) this.#looks.shift();
    const base = this.#looks[0] ?? { active: 0, total: 0 };
    const elapsed = active - base.active;
    if (active > (this.#looks.at(-1)?.active ?? 0)) this.#looks.push({ active, total: this.#total });
    return elapsed >= this.#window && this.#total - base.total < (this.#leastRate * elapsed) / 1_000;
  }

  #activeAt(now: Instant): Duration {
    return this.#active + (this.#runningSince === null ? 0 : now - this.#runningSince);
  }
}
