import { LIMITS } from "../../../core/kernel/limits.ts";

/** The text of an index in UTF-8, a byte order mark taken off; `null` when the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not a name repaired with replacement characters: two different names could become one.
    return null;
  }
}

/**
 * Hands each line to `read`, its end (LF or CR LF) taken off. Stops at the first fault, which comes back with its place
 * ("line 12: …"); `null` when there was none.
 *
 * Lines are cut one at a time: an index of nothing but line ends, split at once, would cost many times its size.
 */
export function eachLine(text: string, read: (line: string) => string | null): string | null {
  let start = 0;
  for (let number = 1; start < text.length; number += 1) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end > start && text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
    const fault = tooLong(line) ? `longer than ${LIMITS.listLineBytes} bytes` : read(line);
    if (fault !== null) return `line ${number}: ${fault}`;
  }
  return null;
}

function tooLong(line: string): boolean {
  if (line.length * 3 <= LIMITS.listLineBytes) return false;
  return line.length > LIMITS.listLineBytes || Buffer.byteLength(line) > LIMITS.listLineBytes;
}
