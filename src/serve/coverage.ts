import { Recent } from "./recent.ts";

/** Bytes of a file, both ends included. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/** Files that clients have in parts, at once; and parts of one. Past either the client's file stays a part. */
const MOST_FILES = 4_096;
const MOST_SPANS = 32;

/**
 * Which bytes of a file a client has been sent, over several requests: a download that was resumed, or taken in four
 * parts at once, is a whole file in the end. What is longest untouched is forgotten first.
 */
export class Coverage {
  readonly #files = new Recent<string, readonly Span[]>(MOST_FILES);

  /** Notes parts of a file of `size` bytes; `true` when the client now has had all of it, and then begins anew. */
  add(key: string, parts: readonly Span[], size: number): boolean {
    const spans = merged([...(this.#files.get(key) ?? []), ...parts]);
    const [only] = spans;
    const whole = spans.length === 1 && only !== undefined && only.first === 0 && only.last >= size - 1;
    this.#files.put(key, whole ? [] : spans.slice(0, MOST_SPANS));
    return whole;
  }
}

/** The same bytes in as few spans as there can be, in order. */
function merged(spans: readonly Span[]): readonly Span[] {
  const result: Span[] = [];
  for (const { first, last } of spans.toSorted((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before !== undefined && first <= before.last + 1)
      result[result.length - 1] = { first: before.first, last: Math.max(before.last, last) };
    else result.push({ first, last });
  }
  return result;
}
