/**
 * Writes DER (X.690 section 10), the encoding of which each value has exactly one: what is signed here is the same bytes
 * wherever it is made again.
 */

const CLASS_CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(size)]), ...contents]);
}

function lengthBytes(size: number): readonly number[] {
  if (size < 0x80) return [size];
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(0x30, ...parts);
}

/** SET OF: DER orders the parts by their bytes (X.690 section 11.6). */
export function setOf(...parts: readonly Uint8Array[]): Uint8Array {
  return element(0x31, ...parts.toSorted((left, right) => Buffer.compare(left, right)));
}

/** `[number]`, around whole elements (EXPLICIT) or instead of the tag of their set or sequence (IMPLICIT). */
export function tagged(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(CLASS_CONTEXT | CONSTRUCTED | number, ...parts);
}

/** `[number] IMPLICIT` of a value that is no set or sequence. */
export function taggedPrimitive(number: number, content: Uint8Array): Uint8Array {
  return element(CLASS_CONTEXT | number, content);
}

export function integer(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError("only integers from zero up are written");
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  // Two's complement: a first bit that is set would make it negative.
  return element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): readonly number[] {
  const bytes = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift(0x80 | (left % 128));
  return bytes;
}

export function nothing(): Uint8Array {
  return element(0x05);
}

export function yes(): Uint8Array {
  return element(0x01, Buffer.from([0xff]));
}

export function octets(content: Uint8Array): Uint8Array {
  return element(0x04, content);
}

/** A BIT STRING; `unused` counts the low bits of the last byte that are not part of it. */
export function bits(content: Uint8Array, unused = 0): Uint8Array {
  return element(0x03, Buffer.from([unused]), content);
}

export function utf8(text: string): Uint8Array {
  return element(0x0c, Buffer.from(text, "utf8"));
}

export function printable(text: string): Uint8Array {
  return element(0x13, Buffer.from(text, "latin1"));
}

/** To the second. UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5, RFC 5652 section 11.3). */
export function time(at: number): Uint8Array {
  const digits = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:T]/g, "");
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? element(0x17, Buffer.from(digits.slice(2), "latin1"))
    : element(0x18, Buffer.from(digits, "latin1"));
}
