/** The view file's measures and its hash, for both its writer and its reader: docs/store-format.md, "The view file". */

export const VIEW_MAGIC = "RFVIEW1\n";
export const HEADER_BYTES = 64;
/** Bytes of a record before its path. */
export const RECORD_BYTES = 56;
export const SLOT_BYTES = 8;
export const FILE_RECORD = 1;
export const DIRECTORY_RECORD = 2;

/**
 * The most slots that one look-up may walk. The writer doubles the table rather than pass it, so a reader that gets
 * there holds a damaged view: it stops instead of walking a million slots for every request.
 */
export const MOST_PROBES = 1_024;

/** SHA-256 of a path's UTF-8 bytes: 32 bytes. */
export type PathHash = (path: string) => Uint8Array;

/** Bytes that a record takes, padding included. */
export function recordLength(pathBytes: number): number {
  return Math.ceil((RECORD_BYTES + pathBytes) / 8) * 8;
}

/** The two words of a path's hash by which its slot is found: one says where to begin, the tag stands in the slot. */
export function slotKey(hash: Uint8Array): { readonly word: number; readonly tag: number } {
  return { word: u32(hash, 0), tag: u32(hash, 4) };
}

/** The slot that is looked at first. `slots` is a power of two. */
export function firstSlot(word: number, slots: number): number {
  return (word & (slots - 1)) >>> 0;
}

function u32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
