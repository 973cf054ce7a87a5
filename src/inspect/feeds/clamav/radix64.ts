const DIGITS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
const VALUES: ReadonlyMap<string, bigint> = new Map(Array.from(DIGITS, (digit, value) => [digit, BigInt(value)]));

/**
 * Reads a number in ClamAV's radix 64 (least digit first) as `length` big-endian bytes; `null` when a character is no
 * digit or the number needs more bytes.
 */
export function decodeRadix64(text: string, length: number): Buffer | null {
  // One digit more than the bytes can hold is never needed: whoever sends more wants us to work for it.
  if (text.length === 0 || text.length > Math.ceil((length * 8) / 6)) return null;
  let number = 0n;
  for (let at = text.length - 1; at >= 0; at--) {
    const value = VALUES.get(text.charAt(at));
    if (value === undefined) return null;
    number = (number << 6n) | value;
  }
  const hex = number.toString(16);
  return hex.length > length * 2 ? null : Buffer.from(hex.padStart(length * 2, "0"), "hex");
}
