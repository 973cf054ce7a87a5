import { quoteOutside } from "../../core/kernel/errors.ts";
import { type ContentSummary, MOST_SUMMARY_GROUPS, MOST_SUMMARY_ITEMS } from "../../core/model/content-summary.ts";

/** Gathers a summary under its ceilings: what goes over one is counted no more, and said. */
export class Gathered {
  readonly #groups = new Map<string, number>();
  readonly #items = new Map<string, readonly [group: string, value: string]>();
  #fault: string | null = null;

  /** One more of a group. */
  count(group: string, more = 1): void {
    const name = short(group, 64);
    if (!this.#groups.has(name) && this.#groups.size >= MOST_SUMMARY_GROUPS)
      this.fail(`more than ${MOST_SUMMARY_GROUPS} types`);
    else this.#groups.set(name, (this.#groups.get(name) ?? 0) + more);
  }

  /** One thing with its name; of two with one name both values stand, for a client may take either. */
  item(name: string, group: string, value: string): void {
    const key = short(name, 128);
    const before = this.#items.get(key);
    if (before === undefined && this.#items.size >= MOST_SUMMARY_ITEMS)
      this.fail(`more than ${MOST_SUMMARY_ITEMS} named things`);
    else this.#items.set(key, [short(group, 64), short(before === undefined ? value : `${before[1]}, ${value}`, 128)]);
  }

  /** The first fault stays. */
  fail(fault: string): void {
    this.#fault ??= short(fault, 1_000);
  }

  summary(): ContentSummary {
    return {
      groups: [...this.#groups],
      items: [...this.#items].map(([name, [group, value]]) => [name, group, value]),
      fault: this.#fault,
    };
  }
}

function short(text: string, most: number): string {
  const quoted = quoteOutside(text, most);
  return quoted.length > most ? `${quoted.slice(0, most - 1)}…`.toWellFormed() : quoted;
}
