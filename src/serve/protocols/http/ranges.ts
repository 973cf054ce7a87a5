/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type RangeAnswer =
  | { readonly kind: "whole" }
  | { readonly kind: "parts"; readonly parts: readonly ByteRange[] }
  | { readonly kind: "unsatisfiable" };

/** Parts that one answer may have. */
const MOST_PARTS = 16;
const WHOLE: RangeAnswer = { kind: "whole" };

/**
 * Reads a Range field for a file of `size` bytes (RFC 9110 section 14.2). What is malformed, in another unit, too many
 * or overlapping is ignored, which the RFC allows: the answer is then the whole file. Overlapping parts are how one
 * request is made to cost many files (the "Apache killer").
 */
export function readRange(field: string | undefined, size: number): RangeAnswer {
  const set = /^bytes[ \t]*=(.*)$/i.exec(field ?? "")?.[1];
  if (set === undefined || set.length > 1_024) return WHOLE;
  const parts: ByteRange[] = [];
  let specs = 0;
  for (const raw of set.split(",")) {
    const spec = raw.trim();
    // Empty list elements are to be passed over (RFC 9110 section 5.6.1.2).
    if (spec === "") continue;
    const match = /^(\d*)-(\d*)$/.exec(spec);
    specs += 1;
    if (match === null || spec === "-" || specs > MOST_PARTS) return WHOLE;
    const part = partOf(match[1] ?? "", match[2] ?? "", size);
    if (part === "malformed") return WHOLE;
    if (part !== null) parts.push(part);
  }
  if (specs === 0) return WHOLE;
  // No Content-Range can say "the last bytes of nothing".
  if (parts.length === 0) return size === 0 && /^[\s,]*-\d*[1-9]/.test(set) ? WHOLE : { kind: "unsatisfiable" };
  return overlap(parts) ? WHOLE : { kind: "parts", parts };
}

function partOf(from: string, to: string, size: number): ByteRange | "malformed" | null {
  if (from === "")
    return Number(to) === 0 || size === 0 ? null : { first: Math.max(0, size - Number(to)), last: size - 1 };
  if (to !== "" && Number(to) < Number(from)) return "malformed";
  if (Number(from) >= size) return null;
  return { first: Number(from), last: to === "" ? size - 1 : Math.min(Number(to), size - 1) };
}

function overlap(parts: readonly ByteRange[]): boolean {
  const sorted = parts.toSorted((a, b) => a.first - b.first);
  return sorted.some((part, i) => i > 0 && part.first <= (sorted[i - 1]?.last ?? -1));
}
