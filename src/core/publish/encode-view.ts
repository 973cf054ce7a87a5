import type { RevisionEntry } from "../model/revision.ts";
import {
  DIRECTORY_RECORD,
  FILE_RECORD,
  firstSlot,
  HEADER_BYTES,
  MOST_PROBES,
  type PathHash,
  RECORD_BYTES,
  recordLength,
  SLOT_BYTES,
  slotKey,
  VIEW_MAGIC,
} from "./view-layout.ts";

/** One record to be written. `path` holds its UTF-8 length in `pathBytes`; `offset` is set when the records are laid out. */
interface Draft {
  readonly path: string;
  readonly pathBytes: number;
  readonly entry: RevisionEntry | null;
  readonly children: Draft[] | null;
  offset: number;
}

const utf8 = new TextEncoder();

/**
 * The bytes of a revision's view file. Entries may come in any order; their paths are safe and differ, and none is
 * another's directory (a judged feed has neither): otherwise it throws, for that is a bug.
 */
export function encodeView(revision: number, entries: readonly RevisionEntry[], hash: PathHash): Uint8Array {
  const records = layOut(plant(entries));
  const table = fillSlots(records, keysOf(records, hash), slotsFor(records.length));
  const last = records.at(-1);
  const slotsAt = last === undefined ? HEADER_BYTES : last.offset + recordLength(last.pathBytes);
  const bytes = new Uint8Array(slotsAt + table.byteLength);
  const view = new DataView(bytes.buffer);
  writeHeader(view, bytes, {
    revision,
    records: records.length,
    slots: table.byteLength / SLOT_BYTES,
    slotsAt,
    entries,
  });
  for (const record of records) writeRecord(view, bytes, record);
  bytes.set(new Uint8Array(table.buffer), slotsAt);
  return bytes;
}

function draft(path: string, entry: RevisionEntry | null): Draft {
  return { path, pathBytes: utf8.encode(path).length, entry, children: entry === null ? [] : null, offset: 0 };
}

/** The tree of directories over the entries; its root. */
function plant(entries: readonly RevisionEntry[]): Draft {
  const root = draft("", null);
  const directories = new Map<string, Draft>([["", root]]);
  const directory = (path: string): Draft => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const made = draft(path, null);
    directories.set(path, made);
    directory(parentOf(path)).children?.push(made);
    return made;
  };
  for (const entry of entries) directory(parentOf(entry.path)).children?.push(draft(entry.path, entry));
  return root;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Gives every record its place, so that the children of a directory stand one after another. */
function layOut(root: Draft): readonly Draft[] {
  const records = [root];
  let offset = HEADER_BYTES;
  // `records` grows while it is walked: breadth first is what keeps siblings together.
  for (const record of records) {
    record.offset = offset;
    offset += recordLength(record.pathBytes);
    if (record.children === null) continue;
    record.children.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    let before = "";
    for (const child of record.children) {
      if (child.path === before) throw new Error(`two records of a view are one path: ${child.path}`);
      before = child.path;
      records.push(child);
    }
  }
  return records;
}

function slotsFor(records: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, records * 2)));
}

/** What each path's slot is found by, two words each: a million small objects would cost more than the hashing. */
function keysOf(records: readonly Draft[], hash: PathHash): Uint32Array {
  const keys = new Uint32Array(records.length * 2);
  for (const [index, record] of records.entries()) {
    const { word, tag } = slotKey(hash(record.path));
    keys[2 * index] = word;
    keys[2 * index + 1] = tag;
  }
  return keys;
}

/** The table as it stands in the file, little-endian whatever this machine is. */
function fillSlots(records: readonly Draft[], keys: Uint32Array, slots: number): DataView<ArrayBuffer> {
  const table = new DataView(new ArrayBuffer(slots * SLOT_BYTES));
  for (const [index, record] of records.entries()) {
    let probes = 0;
    let at = firstSlot(keys[2 * index] ?? 0, slots) * SLOT_BYTES;
    while (table.getUint32(at + 4, true) !== 0) {
      probes += 1;
      if (probes >= Math.min(slots, MOST_PROBES)) return fillSlots(records, keys, slots * 2);
      at = (at + SLOT_BYTES) % table.byteLength;
    }
    table.setUint32(at, keys[2 * index + 1] ?? 0, true);
    table.setUint32(at + 4, record.offset / 8, true);
  }
  return table;
}

function writeHeader(
  view: DataView,
  bytes: Uint8Array,
  header: {
    readonly revision: number;
    readonly records: number;
    readonly slots: number;
    readonly slotsAt: number;
    readonly entries: readonly RevisionEntry[];
  },
): void {
  utf8.encodeInto(VIEW_MAGIC, bytes);
  view.setUint32(8, header.records, true);
  view.setUint32(12, header.slots, true);
  view.setBigUint64(16, BigInt(header.slotsAt), true);
  view.setBigUint64(24, BigInt(bytes.length), true);
  view.setUint32(32, header.revision, true);
  view.setUint32(36, header.entries.length, true);
  view.setBigUint64(40, BigInt(header.entries.reduce((sum, entry) => sum + entry.size, 0)), true);
}

function writeRecord(view: DataView, bytes: Uint8Array, record: Draft): void {
  const { offset, entry, children } = record;
  bytes[offset] = entry === null ? DIRECTORY_RECORD : FILE_RECORD;
  view.setUint16(offset + 2, record.pathBytes, true);
  view.setUint32(offset + 4, entry?.since ?? children?.length ?? 0, true);
  writeWhole(view, offset + 8, entry?.size ?? children?.[0]?.offset ?? 0);
  writeWhole(view, offset + 16, entry?.builtAt ?? -1);
  if (entry !== null) {
    for (let i = 0; i < 32; i++) {
      bytes[offset + 24 + i] = digit(entry.sha256.charCodeAt(2 * i)) * 16 + digit(entry.sha256.charCodeAt(2 * i + 1));
    }
  }
  const place = offset + RECORD_BYTES;
  if (record.pathBytes > record.path.length) utf8.encodeInto(record.path, bytes.subarray(place));
  else for (let i = 0; i < record.pathBytes; i++) bytes[place + i] = record.path.charCodeAt(i);
}

/** A whole number as a signed 64-bit one, in two halves: a BigInt for each would take longer than all the rest. */
function writeWhole(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** The value of a lower-case hexadecimal digit. */
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
