import type { RevisionEntry } from "../model/revision.ts";
import { encodeSlots, type Slotted } from "./encode-slots.ts";
import {
  DIRECTORY_RECORD,
  FILE_RECORD,
  HEADER_BYTES,
  type PathHash,
  RECORD_BYTES,
  recordLength,
  SLOT_BYTES,
  VIEW_MAGIC,
  writeDigest,
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
  const files = records.flatMap((record) => (record.entry === null ? [] : [record]));
  const paths = encodeSlots(
    records,
    (record) => hash(record.path),
    () => false,
  );
  const digestOf = new Uint8Array(32);
  const digests = encodeSlots(
    files,
    ({ entry }) => {
      if (entry !== null) writeDigest(digestOf, 0, entry.sha256);
      return digestOf;
    },
    (one, other) => one.entry?.sha256 === other.entry?.sha256,
  );
  const last = records.at(-1);
  const pathsAt = last === undefined ? HEADER_BYTES : last.offset + recordLength(last.pathBytes);
  const digestsAt = pathsAt + paths.table.byteLength;
  const bytes = new Uint8Array(digestsAt + digests.table.byteLength);
  const view = new DataView(bytes.buffer);
  writeHeader(view, bytes, { revision, records: records.length, paths, pathsAt, digests, digestsAt, entries });
  for (const record of records) writeRecord(view, bytes, record);
  bytes.set(new Uint8Array(paths.table.buffer), pathsAt);
  bytes.set(new Uint8Array(digests.table.buffer), digestsAt);
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

function writeHeader(
  view: DataView,
  bytes: Uint8Array,
  header: {
    readonly revision: number;
    readonly records: number;
    readonly paths: Slotted;
    readonly pathsAt: number;
    readonly digests: Slotted;
    readonly digestsAt: number;
    readonly entries: readonly RevisionEntry[];
  },
): void {
  utf8.encodeInto(VIEW_MAGIC, bytes);
  view.setUint32(8, header.records, true);
  view.setUint32(12, header.paths.table.byteLength / SLOT_BYTES, true);
  view.setBigUint64(16, BigInt(header.pathsAt), true);
  view.setBigUint64(24, BigInt(bytes.length), true);
  view.setUint32(32, header.revision, true);
  view.setUint32(36, header.entries.length, true);
  view.setBigUint64(40, BigInt(header.entries.reduce((sum, entry) => sum + entry.size, 0)), true);
  view.setUint32(48, header.digests.table.byteLength / SLOT_BYTES, true);
  view.setUint8(52, header.paths.key);
  view.setUint8(53, header.digests.key);
  view.setBigUint64(56, BigInt(header.digestsAt), true);
}

function writeRecord(view: DataView, bytes: Uint8Array, record: Draft): void {
  const { offset, entry, children } = record;
  bytes[offset] = entry === null ? DIRECTORY_RECORD : FILE_RECORD;
  view.setUint16(offset + 2, record.pathBytes, true);
  view.setUint32(offset + 4, entry?.since ?? children?.length ?? 0, true);
  writeWhole(view, offset + 8, entry?.size ?? children?.[0]?.offset ?? 0);
  writeWhole(view, offset + 16, entry?.builtAt ?? -1);
  if (entry !== null) writeDigest(bytes, offset + 24, entry.sha256);
  const place = offset + RECORD_BYTES;
  if (record.pathBytes > record.path.length) utf8.encodeInto(record.path, bytes.subarray(place));
  else for (let i = 0; i < record.pathBytes; i++) bytes[place + i] = record.path.charCodeAt(i);
}

/** A whole number as a signed 64-bit one, in two halves: a BigInt for each would take longer than all the rest. */
function writeWhole(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}
