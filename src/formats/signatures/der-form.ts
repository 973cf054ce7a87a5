/** Levels of elements within elements that are followed. */
const DEPTH = 16;
const CONSTRUCTED = 0x20;
const UNIVERSAL_CONSTRUCTED: ReadonlySet<number> = new Set([0x30, 0x31]);

/**
 * Whether these bytes are elements in the form that DER asks for: definite lengths in their shortest spelling, and no
 * strings in pieces (X.690 sections 10.1 and 10.2). The order within sets is not looked at: signers and verifiers alike
 * take it as it came. What is signed must have this form (RFC 5652 section 5.3): where it has not, readers that hash the
 * bytes and readers that write the value anew first would hash two things.
 */
export function hasDerForm(bytes: Uint8Array, depth = 0): boolean {
  if (depth > DEPTH) return false;
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    const content = contentAt(bytes, at + 1);
    // Tag numbers above 30 take several bytes; nothing here has one.
    if (content === null || (tag & 0x1f) === 0x1f) return false;
    const constructed = (tag & CONSTRUCTED) !== 0;
    const universal = (tag & 0xc0) === 0;
    if (universal && constructed !== UNIVERSAL_CONSTRUCTED.has(tag | CONSTRUCTED)) return false;
    if (constructed && !hasDerForm(bytes.subarray(content.start, content.end), depth + 1)) return false;
    at = content.end;
  }
  return true;
}

function contentAt(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || count > 4 || at + 1 + count > bytes.length) return null;
  let length = count === 0 ? first : 0;
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 1 + i] ?? 0);
  const shortest = length < 0x80 ? 0 : Math.ceil(length.toString(16).length / 2);
  const start = at + 1 + count;
  return count === shortest && start + length <= bytes.length ? { start, end: start + length } : null;
}
