import type { Dice } from "../fixtures/dice.ts";

/** Numbers at which fields of formats turn over. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const INPUT_MOST = 300_000;

/** What a mutation draws on: words of the format, and other inputs to splice with. */
export interface Material {
  readonly words: readonly (string | Uint8Array)[];
  readonly corpus: readonly Uint8Array[];
}

type Operation = (dice: Dice, bytes: Buffer, material: Material) => Buffer;

const OPERATIONS: readonly Operation[] = [
  function flipBit(dice, bytes) {
    const copy = Buffer.from(bytes);
    for (let left = dice.pick([1, 1, 1, 2, 8]); left > 0 && copy.length > 0; left -= 1) {
      const at = dice.number(copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << dice.number(8));
    }
    return copy;
  },
  function setByte(dice, bytes) {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[dice.number(copy.length)] = dice.number(256);
    return copy;
  },
  function setField(dice, bytes) {
    const width = dice.pick([2, 4] as const);
    if (bytes.length < width) return bytes;
    const copy = Buffer.from(bytes);
    const at = dice.number(copy.length - width + 1);
    const near = copy.readUIntLE(at, width) + dice.pick([-1, 1, -22, 46]);
    const value = (dice.once(2) ? near : dice.pick(NUMBERS)) >>> 0;
    const cut = width === 2 ? value & 0xffff : value;
    if (dice.once(4)) copy.writeUIntBE(cut, at, width);
    else copy.writeUIntLE(cut, at, width);
    return copy;
  },
  function setNumber(dice, bytes) {
    // A run of digits, as lengths and times stand in text.
    const start = dice.number(bytes.length + 1);
    const text = bytes.toString("latin1");
    const found = /\d+/.exec(text.slice(start, start + 4_096));
    if (found === null) return bytes;
    const at = start + found.index;
    const number = dice.pick([
      "",
      "0",
      "-1",
      "00",
      "1e9",
      "4294967296",
      "99999999999999999999",
      `${dice.number(2 ** 31)}`,
    ]);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(number), bytes.subarray(at + found[0].length)]);
  },
  function insertWord(dice, bytes, { words }) {
    const at = dice.number(bytes.length + 1);
    const word = words.length === 0 ? dice.bytes(4) : Buffer.from(dice.pick(words) as string);
    return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(dice.once(3) ? at + word.length : at)]);
  },
  function remove(dice, bytes) {
    const [at, end] = range(dice, bytes);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
  },
  function duplicate(dice, bytes) {
    const [at, end] = range(dice, bytes);
    const to = dice.once(2) ? end : dice.number(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, end), bytes.subarray(to)]);
  },
  function duplicateLine(dice, bytes) {
    const start = bytes.lastIndexOf(10, dice.number(bytes.length + 1)) + 1;
    const end = bytes.indexOf(10, start) + 1 || bytes.length;
    const to = bytes.lastIndexOf(10, dice.number(bytes.length + 1)) + 1;
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(start, end), bytes.subarray(to)]);
  },
  function truncate(dice, bytes) {
    const at = dice.number(bytes.length + 1);
    return dice.once(4) ? bytes.subarray(at) : bytes.subarray(0, at);
  },
  function splice(dice, bytes, { corpus }) {
    const other = Buffer.from(dice.pick(corpus) ?? []);
    return Buffer.concat([
      bytes.subarray(0, dice.number(bytes.length + 1)),
      other.subarray(dice.number(other.length + 1)),
    ]);
  },
];

function range(dice: Dice, bytes: Uint8Array): readonly [number, number] {
  const at = dice.number(bytes.length + 1);
  return [at, Math.min(bytes.length, at + 1 + dice.number(dice.pick([4, 32, 600])))];
}

/** One to five things go wrong; once in 2,000 times a part comes over and over, for what grows faster than its input. */
export function mutate(dice: Dice, bytes: Uint8Array, material: Material): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let left = dice.pick([1, 1, 1, 2, 2, 3, 5]); left > 0; left -= 1)
    mutated = dice.pick(OPERATIONS)(dice, mutated, material);
  return dice.once(2_000) ? stretch(dice, mutated) : mutated.subarray(0, INPUT_MOST);
}

function stretch(dice: Dice, bytes: Buffer): Buffer {
  const [at, end] = range(dice, bytes);
  if (at === end) return bytes.subarray(0, INPUT_MOST);
  const most = dice.pick([2_000, 20_000, INPUT_MOST - bytes.length]);
  return Buffer.concat([
    bytes.subarray(0, end),
    Buffer.alloc(Math.max(0, most), bytes.subarray(at, end)),
    bytes.subarray(end),
  ]);
}
