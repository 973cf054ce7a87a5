/** Levels of elements within elements that are followed; a certificate inside a signature has some fifteen. */
const DEPTH = 24;
const CONSTRUCTED = 0x20;
const LONG_TAG = 0x1f;
const INDEFINITE = 0x80;
/** Bytes of a length that are read: more than any signature needs. */
const LENGTH_BYTES = 4;
const UNIVERSAL_CONSTRUCTED: ReadonlySet<number> = new Set([0x30, 0x31]);

/** BER as X.690 section 8 has it, or the one spelling of it that is DER. */
type Form = "ber" | "der";

/**
 * Whether these bytes are elements in this form, each exactly as long as it says and filled exactly by what it holds. The
 * ASN.1 library takes elements that reach past or fall short of the one around them: a place where two readers differ.
 *
 * `der` asks for definite lengths in their shortest spelling, and no strings in pieces (sections 10.1 and 10.2). What is
 * signed must have this form (RFC 5652 section 5.3): where it has not, readers that hash the bytes and readers that write
 * the value anew first hash two things. The order within sets is not looked at: signers and verifiers alike take it as it
 * came.
 */
export function hasForm(bytes: Uint8Array, form: Form): boolean {
  return elementsUntil(bytes, 0, { end: bytes.length, open: false }, form, 0) !== -1;
}

/** Where elements stop: at an offset, or (`open`) at an end mark before it. */
interface Bounds {
  readonly end: number;
  readonly open: boolean;
}

/** Where the elements from here on end; -1 when they are not as they should be. */
function elementsUntil(bytes: Uint8Array, from: number, bounds: Bounds, form: Form, depth: number): number {
  if (depth > DEPTH) return -1;
  let at = from;
  while (at !== -1 && at < bounds.end) {
    if (bounds.open && bytes[at] === 0) return bytes[at + 1] === 0 && at + 2 <= bounds.end ? at + 2 : -1;
    at = elementUntil(bytes, at, bounds.end, form, depth);
  }
  return bounds.open ? -1 : at;
}

function elementUntil(bytes: Uint8Array, at: number, end: number, form: Form, depth: number): number {
  const tag = bytes[at] ?? 0;
  const constructed = (tag & CONSTRUCTED) !== 0;
  // Tag numbers above 30 take several bytes, and 0 is the end mark: no element here has either.
  if (tag === 0 || (tag & LONG_TAG) === LONG_TAG) return -1;
  const universal = (tag & 0xc0) === 0;
  if (form === "der" && universal && constructed !== UNIVERSAL_CONSTRUCTED.has(tag | CONSTRUCTED)) return -1;
  if (bytes[at + 1] === INDEFINITE)
    return form === "ber" && constructed ? elementsUntil(bytes, at + 2, { end, open: true }, form, depth + 1) : -1;
  const content = contentAt(bytes, at + 1, form);
  if (content === null || content.end > end) return -1;
  const filled =
    !constructed || elementsUntil(bytes, content.start, { end: content.end, open: false }, form, depth + 1) !== -1;
  return filled ? content.end : -1;
}

function contentAt(bytes: Uint8Array, at: number, form: Form): { readonly start: number; readonly end: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (count > LENGTH_BYTES || at + 1 + count > bytes.length) return null;
  let length = count === 0 ? first : 0;
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 1 + i] ?? 0);
  const shortest = length < 0x80 ? 0 : Math.ceil(length.toString(16).length / 2);
  const start = at + 1 + count;
  return form === "ber" || count === shortest ? { start, end: start + length } : null;
}
