import { parseSha256, type Sha256 } from "../kernel/digest.ts";
import { Failure } from "../kernel/errors.ts";
import type { Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
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
  readonly #slots: number;
  readonly #slotsAt: number;

  constructor(source: ViewBytes, hash: PathHash) {
    this.#source = source;
    this.#hash = hash;
    if (source.length < HEADER_BYTES) throw damaged("shorter than its header");
    const header = this.#read(0, HEADER_BYTES);
    for (let i = 0; i < VIEW_MAGIC.length; i++) {
      if (header.getUint8(i) !== VIEW_MAGIC.charCodeAt(i)) throw damaged("not a view file");
    }
    this.#records = header.getUint32(8, true);
    this.#slots = header.getUint32(12, true);
    this.#slotsAt = whole(header.getBigUint64(16, true), "offset of the slots");
    this.revision = header.getUint32(32, true);
    this.files = header.getUint32(36, true);
    this.bytes = whole(header.getBigUint64(40, true), "bytes of its files");
    if (whole(header.getBigUint64(24, true), "length") !== source.length)
      throw damaged("its length is not what its header says");
    if (header.getBigUint64(48, true) !== 0n || header.getBigUint64(56, true) !== 0n) throw damaged("header padding");
    this.#checkMeasures();
  }

  #checkMeasures(): void {
    const slots = this.#slots;
    if (slots < 2 || (slots & (slots - 1)) !== 0 || slots < this.#records * 2) throw damaged("number of slots");
    if (this.#slotsAt % 8 !== 0 || this.#slotsAt + slots * SLOT_BYTES !== this.#source.length)
      throw damaged("place of the slots");
    if (this.#records < 1 || HEADER_BYTES + this.#records * RECORD_BYTES > this.#slotsAt)
      throw damaged("number of records");
    if (this.files >= this.#records) throw damaged("number of files");
  }

  /** The record of a path without leading slash (the root is ""), or `null`. Usually two reads. */
  lookUp(path: string): ViewRecord | null {
    const sought = utf8.encode(path);
    if (sought.length > LIMITS.pathLength) return null;
    const { word, tag } = slotKey(this.#hash(path));
    const first = firstSlot(word, this.#slots);
    const most = Math.min(this.#slots, MOST_PROBES);
    for (let probed = 0; probed < most; ) {
      const slot = (first + probed) % this.#slots;
      const run = Math.min(RUN, this.#slots - slot, most - probed);
      const slots = this.#read(this.#slotsAt + slot * SLOT_BYTES, run * SLOT_BYTES);
      for (let i = 0; i < run; i++) {
        const place = slots.getUint32(i * SLOT_BYTES + 4, true);
        if (place === 0) return null;
        if (slots.getUint32(i * SLOT_BYTES, true) !== tag) continue;
        const record = this.#recordOf(place * 8, path, sought);
        if (record !== null) return record;
      }
      probed += run;
    }
    throw damaged("a run of slots without end");
  }

  /** The record at `offset` if it is that of the path. */
  #recordOf(offset: number, path: string, sought: Uint8Array): ViewRecord | null {
    if (offset < HEADER_BYTES || offset + RECORD_BYTES > this.#slotsAt)
      throw damaged("a slot points outside the records");
    const length = Math.min(RECORD_BYTES + sought.length, this.#slotsAt - offset);
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
      if (at % 8 !== 0 || at < HEADER_BYTES || at + RECORD_BYTES > this.#slotsAt)
        throw damaged("a child outside the records");
      if (at < blockAt || at + Math.min(MOST_RECORD_BYTES, this.#slotsAt - at) > blockAt + block.byteLength) {
        block = this.#read(at, Math.min(BLOCK_BYTES, this.#slotsAt - at));
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
