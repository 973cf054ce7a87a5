import { parseSha256, type Sha256 } from "../kernel/digest.ts";
import { Failure } from "../kernel/errors.ts";
import type { Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import {
  DIRECTORY_RECORD,
  FILE_RECORD,
  firstSlot,
  HEADER_BYTES,
  KEYS,
  MOST_PROBES,
  type PathHash,
  RECORD_BYTES,
  recordLength,
  SLOT_BYTES,
  slotKey,
  VIEW_MAGIC,
  writeDigest,
} from "./view-layout.ts";

/** The bytes of a view file. `read` gives fresh bytes, exactly as many as asked for, or throws. */
export interface ViewBytes {
  readonly length: number;
  read(offset: number, length: number): Uint8Array;
}

export interface ViewFile {
  readonly kind: "file";
  readonly path: string;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  readonly builtAt: Instant | null;
  readonly since: number;
}

export interface ViewDirectory {
  readonly kind: "directory";
  readonly path: string;
  readonly children: number;
  readonly firstChild: number;
}

export type ViewRecord = ViewFile | ViewDirectory;

/** One table of slots: how many, where they begin, and by which key of a hash they are found. */
interface Slots {
  readonly slots: number;
  readonly at: number;
  readonly key: number;
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Slots read in one go: a name is nearly always found in the first such run. */
const RUN = 8;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const BLOCK_BYTES = 64 * 1024;
const MOST_RECORD_BYTES = recordLength(LIMITS.pathLength);

/**
 * One view file, open. It believes nothing that it reads: whatever bytes the file holds, a look-up ends after a bounded
 * number of reads, inside the file, with a record, `null`, or `Failure` `store.damaged`.
 */
export class RevisionView {
  readonly revision: number;
  /** Files, and the bytes of all of them. */
  readonly files: number;
  readonly bytes: number;
  readonly #source: ViewBytes;
  readonly #hash: PathHash;
  readonly #records: number;
  readonly #paths: Slots;
  readonly #digests: Slots;

  constructor(source: ViewBytes, hash: PathHash) {
    this.#source = source;
    this.#hash = hash;
    if (source.length < HEADER_BYTES) throw damaged("shorter than its header");
    const header = this.#read(0, HEADER_BYTES);
    for (let i = 0; i < VIEW_MAGIC.length; i++) {
      if (header.getUint8(i) !== VIEW_MAGIC.charCodeAt(i)) throw damaged("not a view file");
    }
    this.#records = header.getUint32(8, true);
    const pathsAt = whole(header.getBigUint64(16, true), "offset of the path slots");
    this.#paths = { slots: header.getUint32(12, true), at: pathsAt, key: header.getUint8(52) };
    const digestsAt = whole(header.getBigUint64(56, true), "offset of the digest slots");
    this.#digests = { slots: header.getUint32(48, true), at: digestsAt, key: header.getUint8(53) };
    this.revision = header.getUint32(32, true);
    this.files = header.getUint32(36, true);
    this.bytes = whole(header.getBigUint64(40, true), "bytes of its files");
    if (whole(header.getBigUint64(24, true), "length") !== source.length)
      throw damaged("its length is not what its header says");
    if (header.getUint16(54, true) !== 0) throw damaged("header padding");
    this.#checkMeasures();
  }

  #checkMeasures(): void {
    if (this.#records < 1 || HEADER_BYTES + this.#records * RECORD_BYTES > this.#paths.at)
      throw damaged("number of records");
    if (this.files >= this.#records) throw damaged("number of files");
    checkSlots(this.#paths, this.#records, this.#digests.at);
    checkSlots(this.#digests, this.files, this.#source.length);
  }

  /** The record of a path without leading slash (the root is ""), or `null`. Usually two reads. */
  lookUp(path: string): ViewRecord | null {
    const sought = utf8.encode(path);
    if (sought.length > LIMITS.pathLength) return null;
    return this.#walk(this.#paths, this.#hash(path), (place) => this.#recordOf(place, path, sought));
  }

  /** The first file with these bytes, or `null`. Usually two reads. */
  lookUpDigest(sha256: Sha256): ViewFile | null {
    const bytes = new Uint8Array(32);
    writeDigest(bytes, 0, sha256);
    return this.#walk(this.#digests, bytes, (place) => this.#fileOf(place, sha256));
  }

  /** Asks for the record of every slot that the hash may stand in, until one is the one that is sought. */
  #walk<R>({ slots, at, key }: Slots, hash: Uint8Array, recordAt: (place: number) => R | null): R | null {
    const { word, tag } = slotKey(hash, key);
    const first = firstSlot(word, slots);
    const most = Math.min(slots, MOST_PROBES);
    for (let probed = 0; probed < most; ) {
      const slot = (first + probed) % slots;
      const run = Math.min(RUN, slots - slot, most - probed);
      const block = this.#read(at + slot * SLOT_BYTES, run * SLOT_BYTES);
      for (let i = 0; i < run; i++) {
        const place = block.getUint32(i * SLOT_BYTES + 4, true);
        if (place === 0) return null;
        if (block.getUint32(i * SLOT_BYTES, true) !== tag) continue;
        const record = recordAt(place * 8);
        if (record !== null) return record;
      }
      probed += run;
    }
    throw damaged("a run of slots without end");
  }

  /** The file's record at `offset` if it has the digest. */
  #fileOf(offset: number, sha256: Sha256): ViewFile | null {
    if (offset < HEADER_BYTES || offset + RECORD_BYTES > this.#paths.at)
      throw damaged("a slot points outside the records");
    const block = this.#read(offset, Math.min(MOST_RECORD_BYTES, this.#paths.at - offset));
    const record = this.#decode(block, 0, pathAt(block, 0));
    if (record.kind !== "file") throw damaged("a digest of a directory");
    return record.sha256 === sha256 ? record : null;
  }

  /** The record at `offset` if it is that of the path. */
  #recordOf(offset: number, path: string, sought: Uint8Array): ViewRecord | null {
    if (offset < HEADER_BYTES || offset + RECORD_BYTES > this.#paths.at)
      throw damaged("a slot points outside the records");
    const length = Math.min(RECORD_BYTES + sought.length, this.#paths.at - offset);
    const record = this.#read(offset, length);
    if (record.getUint16(2, true) !== sought.length || length < RECORD_BYTES + sought.length) return null;
    for (let i = 0; i < sought.length; i++) if (record.getUint8(RECORD_BYTES + i) !== sought[i]) return null;
    return this.#decode(record, 0, path);
  }

  #decode(block: DataView, at: number, path: string): ViewRecord {
    const type = block.getUint8(at);
    if (block.getUint8(at + 1) !== 0) throw damaged("a record's second byte");
    const count = block.getUint32(at + 4, true);
    const value = whole(block.getBigUint64(at + 8, true), "a record's size");
    if (type === DIRECTORY_RECORD) {
      if (count >= this.#records) throw damaged("more children than records");
      return { kind: "directory", path, children: count, firstChild: value };
    }
    if (type !== FILE_RECORD) throw damaged("a record's type");
    const builtAt = Number(block.getBigInt64(at + 16, true));
    if (builtAt < -1 || builtAt > 8.64e15) throw damaged("a build time outside the calendar");
    let hex = "";
    for (let i = 0; i < 32; i++) hex += HEX[block.getUint8(at + 24 + i)] ?? "";
    const sha256 = parseSha256(hex);
    if (sha256 === null) throw damaged("a digest");
    return {
      kind: "file",
      path,
      sha256,
      size: value,
      builtAt: builtAt === -1 ? null : builtAt,
      since: count,
    };
  }

  /** The children of a directory, by name in code-unit order, read in blocks as they are asked for. */
  *children(directory: ViewDirectory): Generator<ViewRecord> {
    const prefix = directory.path === "" ? "" : `${directory.path}/`;
    let block: DataView = new DataView(new ArrayBuffer(0));
    let blockAt = 0;
    let at = directory.firstChild;
    let before = "";
    for (let left = directory.children; left > 0; left--) {
      if (at % 8 !== 0 || at < HEADER_BYTES || at + RECORD_BYTES > this.#paths.at)
        throw damaged("a child outside the records");
      if (at < blockAt || at + Math.min(MOST_RECORD_BYTES, this.#paths.at - at) > blockAt + block.byteLength) {
        block = this.#read(at, Math.min(BLOCK_BYTES, this.#paths.at - at));
        blockAt = at;
      }
      const path = pathAt(block, at - blockAt);
      // A child that is no child, or comes twice, could make a listing lie or lead a crawler in circles.
      if (
        !path.startsWith(prefix) ||
        path <= before ||
        path.length === prefix.length ||
        path.includes("/", prefix.length)
      )
        throw damaged("a child in the wrong place");
      yield this.#decode(block, at - blockAt, path);
      before = path;
      at += recordLength(block.getUint16(at - blockAt + 2, true));
    }
  }

  #read(offset: number, length: number): DataView {
    const bytes = this.#source.read(offset, length);
    if (bytes.length !== length) throw damaged("the file ends early");
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** `keys`: how many may stand in the table; it ends at `end`. */
function checkSlots({ slots, at, key }: Slots, keys: number, end: number): void {
  if (slots < 2 || (slots & (slots - 1)) !== 0 || slots < keys * 2) throw damaged("number of slots");
  if (at % 8 !== 0 || at + slots * SLOT_BYTES !== end) throw damaged("place of the slots");
  if (key >= KEYS) throw damaged("key of the slots");
}

function pathAt(block: DataView, at: number): string {
  const length = block.getUint16(at + 2, true);
  if (length > LIMITS.pathLength || at + RECORD_BYTES + length > block.byteLength)
    throw damaged("a path outside the records");
  try {
    return text.decode(new Uint8Array(block.buffer, block.byteOffset + at + RECORD_BYTES, length));
  } catch (cause) {
    throw new Failure("store.damaged", "view: a path that is not UTF-8", { cause });
  }
}

function whole(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(what);
  return Number(value);
}

function damaged(detail: string): Failure {
  return new Failure("store.damaged", `view: ${detail}`);
}
