import type { Sha256 } from "../kernel/digest.ts";

/** The view file's measures and its hash, for both its writer and its reader: docs/store-format.md, "The view file". */

export const VIEW_MAGIC = "RFVIEW2\n";
export const HEADER_BYTES = 64;
/** Bytes of a record before its path. */
export const RECORD_BYTES = 56;
export const SLOT_BYTES = 8;
export const FILE_RECORD = 1;
export const DIRECTORY_RECORD = 2;

/**
 * The most slots that one look-up may walk. The writer chooses its table so that none walks further, and a reader that
 * gets there holds a damaged view: it stops instead of walking a million slots for every request.
 */
export const MOST_PROBES = 1_024;

/** How many keys a hash of 32 bytes has, of 8 bytes each: names that meet by one of them do not by the next. */
export const KEYS = 4;

/** SHA-256 of a path's UTF-8 bytes: 32 bytes. */
export type PathHash = (path: string) => Uint8Array;

/** Bytes that a record takes, padding included. */
export function recordLength(pathBytes: number): number {
  return Math.ceil((RECORD_BYTES + pathBytes) / 8) * 8;
}

/**
 * The two words of a hash by which its slot is found: one says where to begin, the tag stands in the slot. `key`, below
 * `KEYS`, says which 8 bytes they are.
 */
export function slotKey(hash: Uint8Array, key: number): { readonly word: number; readonly tag: number } {
  return { word: u32(hash, 8 * key), tag: u32(hash, 8 * key + 4) };
}

/** The slot that is looked at first. `slots` is a power of two. */
export function firstSlot(word: number, slots: number): number {
  return (word & (slots - 1)) >>> 0;
}

/** The bytes of a digest in hexadecimal digits, into `bytes` from `at` on. */
export function writeDigest(bytes: Uint8Array, at: number, sha256: Sha256): void {
  for (let i = 0; i < 32; i++) {
    bytes[at + i] = digit(sha256.charCodeAt(2 * i)) * 16 + digit(sha256.charCodeAt(2 * i + 1));
  }
}

/** The value of a lower-case hexadecimal digit. */
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

function u32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  return ((high << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at] ?? 0)) >>> 0;
}
