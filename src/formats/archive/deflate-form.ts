/** Bits that one look into a decoding table takes; longer codes are walked bit by bit. */
const LOOK = 10;
const MOST_BITS = 15;
const END_OF_BLOCK = 256;
/** RFC 1951 section 3.2.7: the order in which the lengths of the code lengths' own code stand. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** Section 3.2.5: extra bits behind a length symbol, from 257 on, and behind a distance symbol. */
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

/** A code: what `LOOK` bits say (symbol × 16 + its bits, 0 for "longer"), and the canonical form for longer ones. */
interface Code {
  readonly look: Uint16Array;
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

const NO_CODE = -1;

/**
 * Follows a raw deflate stream (RFC 1951) as its pieces come, without unpacking it, for the one form that unpackers read
 * differently and the inflater does not tell of: a block that states codes for lengths and none for distances. Whatever
 * else is wrong with a stream the inflater says.
 */
export class DeflateForm {
  readonly #walk = walk();
  #ended: boolean;

  constructor() {
    this.#ended = this.#walk.next().done === true;
  }

  /** What is wrong with the form, as soon as it is seen; else `null`. */
  push(piece: Uint8Array): string | null {
    if (this.#ended) return null;
    const step = this.#walk.next(piece);
    if (step.done !== true) return null;
    this.#ended = true;
    return step.value;
  }
}

/** Takes pieces; ends with a fault, or with `null` where there is nothing more to say. */
function* walk(): Generator<void, string | null, Uint8Array> {
  let piece = yield;
  let at = 0;
  let hold = 0;
  let held = 0;

  function* need(bits: number): Generator<void, void, Uint8Array> {
    while (held < bits) {
      while (at === piece.length) {
        piece = yield;
        at = 0;
      }
      hold |= (piece[at++] ?? 0) << held;
      held += 8;
    }
  }
  function take(bits: number): number {
    const value = hold & ((1 << bits) - 1);
    hold >>>= bits;
    held -= bits;
    return value;
  }
  function* read(bits: number): Generator<void, number, Uint8Array> {
    if (held < bits) yield* need(bits);
    return take(bits);
  }
  /** One symbol out of what is at hand; `NO_CODE` where it takes a longer look, or another piece. */
  function quick({ look }: Code): number {
    while (held < 24 && at < piece.length) {
      hold |= (piece[at++] ?? 0) << held;
      held += 8;
    }
    const found = look[hold & ((1 << LOOK) - 1)] ?? 0;
    if (found === 0 || (found & 15) > held) return NO_CODE;
    take(found & 15);
    return found >>> 4;
  }
  /** One symbol, or `NO_CODE`. */
  function* symbolOf({ look, counts, symbols }: Code): Generator<void, number, Uint8Array> {
    // As many bits as there are: a short code may be the last of the stream.
    while (held < LOOK) {
      const short = look[hold & ((1 << LOOK) - 1)] ?? 0;
      if (short !== 0 && (short & 15) <= held) break;
      yield* need(held + 1);
    }
    const found = look[hold & ((1 << LOOK) - 1)] ?? 0;
    if (found !== 0 && (found & 15) <= held) {
      take(found & 15);
      return found >>> 4;
    }
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MOST_BITS; length += 1) {
      code |= yield* read(1);
      const count = counts[length] ?? 0;
      if (code - count < first) return symbols[index + (code - first)] ?? NO_CODE;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return NO_CODE;
  }

  const fixed = codeOf(Uint8Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8)));
  const fixedDistance = codeOf(new Uint8Array(30).fill(5));
  for (let last = 0; last === 0; ) {
    last = yield* read(1);
    const type = yield* read(2);
    let literal = fixed;
    let distance = fixedDistance;
    if (type === 0) {
      take(held & 7);
      const length = yield* read(16);
      yield* read(16);
      for (let left = length; left > 0; ) {
        if (held > 0) {
          take(8);
          left -= 1;
          continue;
        }
        const skipped = Math.min(left, piece.length - at);
        at += skipped;
        left -= skipped;
        if (left > 0) yield* need(8);
      }
      continue;
    }
    if (type === 3) return null;
    if (type === 2) {
      const literals = (yield* read(5)) + 257;
      const distances = (yield* read(5)) + 1;
      const stated = (yield* read(4)) + 4;
      const own = new Uint8Array(19);
      for (let index = 0; index < stated; index += 1) own[ORDER[index] ?? 0] = yield* read(3);
      const lengthCode = codeOf(own);
      const lengths = new Uint8Array(literals + distances);
      for (let index = 0; index < lengths.length; ) {
        const symbol = yield* symbolOf(lengthCode);
        if (symbol === NO_CODE) return null;
        if (symbol < 16) {
          lengths[index++] = symbol;
          continue;
        }
        const before = symbol === 16 ? (lengths[index - 1] ?? 0) : 0;
        const times =
          symbol === 16 ? 3 + (yield* read(2)) : symbol === 17 ? 3 + (yield* read(3)) : 11 + (yield* read(7));
        lengths.fill(before, index, index + times);
        index += times;
      }
      const ofDistances = lengths.subarray(literals);
      if (literals > 257 && ofDistances.every((length) => length === 0))
        return "a block of its deflate stream states codes for lengths and none for distances";
      literal = codeOf(lengths.subarray(0, literals));
      distance = codeOf(ofDistances);
    }
    for (;;) {
      let symbol = quick(literal);
      if (symbol === NO_CODE) symbol = yield* symbolOf(literal);
      if (symbol === NO_CODE) return null;
      if (symbol < END_OF_BLOCK) continue;
      if (symbol === END_OF_BLOCK) break;
      const longer = LENGTH_EXTRA[symbol - 257] ?? 0;
      if (held < longer) yield* need(longer);
      take(longer);
      let far = quick(distance);
      if (far === NO_CODE) far = yield* symbolOf(distance);
      if (far === NO_CODE) return null;
      const farther = DISTANCE_EXTRA[far] ?? 0;
      if (held < farther) yield* need(farther);
      take(farther);
    }
  }
  return null;
}

/** A canonical code from its lengths by symbol (section 3.2.2). */
function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(MOST_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  counts[0] = 0;
  const starts = new Uint16Array(MOST_BITS + 2);
  const codes = new Uint16Array(MOST_BITS + 2);
  for (let length = 1; length <= MOST_BITS; length += 1) {
    starts[length + 1] = (starts[length] ?? 0) + (counts[length] ?? 0);
    codes[length + 1] = ((codes[length] ?? 0) + (counts[length] ?? 0)) << 1;
  }
  const symbols = new Uint16Array(lengths.length);
  const look = new Uint16Array(1 << LOOK);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    symbols[starts[length] ?? 0] = symbol;
    starts[length] = (starts[length] ?? 0) + 1;
    const code = codes[length] ?? 0;
    codes[length] = code + 1;
    if (length > LOOK) continue;
    // Codes stand in the stream with their first bit lowest.
    let turned = 0;
    for (let bit = 0; bit < length; bit += 1) turned |= ((code >>> bit) & 1) << (length - 1 - bit);
    for (let entry = turned; entry < look.length; entry += 1 << length) look[entry] = (symbol << 4) | length;
  }
  return { look, counts, symbols };
}
