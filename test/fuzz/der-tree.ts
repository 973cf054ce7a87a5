import type { Dice } from "../fixtures/dice.ts";

/** An element of DER: its tag byte, and what is in it. */
type Element = { readonly tag: number; readonly inside: readonly Element[] | Uint8Array };

/** Bytes as elements, as far as they are; a primitive whose bytes are elements again stays a primitive. */
function elements(bytes: Uint8Array): readonly Element[] | null {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84) return null;
    const long = first > 0x80 ? first & 0x7f : 0;
    let length = long === 0 ? first : 0;
    for (let more = 0; more < long; more += 1) length = length * 256 + (bytes[at + 2 + more] ?? 0);
    const start = at + 2 + long;
    if (start + length > bytes.length) return null;
    const content = bytes.subarray(start, start + length);
    const nested = (tag & 0x20) === 0 ? null : elements(content);
    found.push({ tag, inside: nested ?? content });
    at = start + length;
  }
  return found;
}

function encode({ tag, inside }: Element, shape: (length: number) => Uint8Array): Buffer {
  const content = inside instanceof Uint8Array ? inside : Buffer.concat(inside.map((each) => encode(each, shape)));
  return Buffer.concat([Buffer.from([tag]), shape(content.length), content]);
}

function shortest(length: number): Uint8Array {
  if (length < 0x80) return Buffer.from([length]);
  const bytes =
    length < 0x100
      ? [length]
      : length < 0x10000
        ? [length >> 8, length & 255]
        : [length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.from([0x80 + bytes.length, ...bytes]);
}

/**
 * DER with one element changed, doubled, taken out or put into another, and all lengths around it right again: so that
 * what is wrong lies deeper than the outermost length. Bytes that are no DER come back as they are.
 */
export function mutateDer(dice: Dice, bytes: Uint8Array, inner: (content: Uint8Array) => Uint8Array): Uint8Array {
  const whole = elements(bytes);
  if (whole === null || whole.length === 0) return bytes;
  const place = dice.number(whole.reduce((sum, each) => sum + size(each), 0));
  // BER's long forms where DER has the short one: readers differ in whether they mind.
  const shape = dice.once(8)
    ? (length: number): Uint8Array => Buffer.from([0x83, length >> 16, (length >> 8) & 255, length & 255])
    : shortest;
  const state = { left: place };
  return Buffer.concat(whole.flatMap((each) => changed(dice, each, state, inner)).map((each) => encode(each, shape)));
}

function size({ inside }: Element): number {
  return inside instanceof Uint8Array ? 1 : inside.reduce((sum, each) => sum + size(each), 1);
}

function changed(
  dice: Dice,
  element: Element,
  state: { left: number },
  inner: (content: Uint8Array) => Uint8Array,
): readonly Element[] {
  state.left -= 1;
  const { tag, inside } = element;
  if (state.left === -1) {
    const content = inside instanceof Uint8Array ? inside : Buffer.concat(inside.map((each) => encode(each, shortest)));
    return dice.pick<() => readonly Element[]>([
      () => [{ tag: (dice.number(256) & ~0x1f) | dice.number(31), inside: content }],
      () => [{ tag, inside: inner(content) }],
      () => [{ tag, inside: inner(content) }],
      () => [element, element],
      () => [],
      () => [{ tag, inside: new Uint8Array(0) }],
      () => [{ tag: dice.pick([0x30, 0x31, 0xa0, 0xa1, 0x24, 0x04]), inside: [element] }],
      () =>
        inside instanceof Uint8Array
          ? [{ tag, inside: dice.bytes(dice.number(40)) }]
          : [{ tag, inside: inside.toReversed() }],
      () => Array.from({ length: dice.pick([2, 3, 5, 40]) }, () => element),
    ])();
  }
  if (inside instanceof Uint8Array) return [element];
  return [{ tag, inside: inside.flatMap((each) => changed(dice, each, state, inner)) }];
}
