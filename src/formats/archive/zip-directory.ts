import { quoteOutside } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import type { ByteSource } from "./byte-source.ts";
import type { ZipEnd } from "./zip-end.ts";
import { EXTRA_MOST, extraFault } from "./zip-extra.ts";
import { claimName, type NameBook } from "./zip-names.ts";

export const CENTRAL_BYTES = 46;
export const CENTRAL_SIGNATURE = 0x02014b50;
export const STORED = 0;
export const DEFLATED = 8;
export const FLAG_DESCRIPTOR = 0x0008;
export const FLAG_UTF8 = 0x0800;

/** Deflate's level (bits 1 and 2), the descriptor, UTF-8; not encryption, patches and masked headers. */
const FLAGS = 0x0006 | FLAG_DESCRIPTOR | FLAG_UTF8;
/** The version that folders and deflate need; what came later changes where names, sizes and content stand. */
const VERSION_MOST = 20;
/** FAT, Unix, and NTFS under both of the numbers that are in use for it: their attributes are the ones read below. */
const UNIX = 3;
const HOSTS: ReadonlySet<number> = new Set([0, UNIX, 10, 11]);
/** Read-only, hidden, system, folder, archive, normal, not indexed, "the upper half is a Unix mode". */
const DOS_ATTRIBUTES = 0x01 | 0x02 | 0x04 | 0x10 | 0x20 | 0x80 | 0x2000 | 0x8000;
const DOS_FOLDER = 0x10;
const TYPE = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

/** One central header, taken apart; the local header must say the same. */
export interface CentralEntry {
  readonly name: string;
  readonly rawName: Buffer;
  readonly versionNeeded: number;
  readonly flags: number;
  readonly method: number;
  /** Time and date as they stand there. */
  readonly time: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
  readonly directory: boolean;
  readonly executable: boolean;
}

/** Reads the central directory (APPNOTE 4.3.12), which must be exactly as long as its headers. */
export async function readZipDirectory(source: ByteSource, end: ZipEnd): Promise<readonly CentralEntry[] | string> {
  // Before memory is taken for it: no directory that is accepted below is longer.
  if (end.size > end.members * (CENTRAL_BYTES + LIMITS.pathLength + 1 + EXTRA_MOST))
    return "the central directory is longer than its members need";
  const bytes = Buffer.from(await source.read(end.start, end.size));
  const entries: CentralEntry[] = [];
  const names: NameBook = new Map();
  let at = 0;
  while (at < bytes.length) {
    const read = readEntry(bytes.subarray(at));
    const fault = typeof read === "string" ? read : claimName(names, read.entry.name);
    if (typeof read === "string" || fault !== null) return `${fault ?? ""} (central header ${entries.length + 1})`;
    entries.push(read.entry);
    if (entries.length > end.members) break;
    at += read.length;
  }
  return entries.length === end.members ? entries : "the end record counts other members than there are";
}

function readEntry(bytes: Buffer): { readonly entry: CentralEntry; readonly length: number } | string {
  if (bytes.length < CENTRAL_BYTES || bytes.readUInt32LE(0) !== CENTRAL_SIGNATURE) return "no central header";
  const nameEnd = CENTRAL_BYTES + bytes.readUInt16LE(28);
  const length = nameEnd + bytes.readUInt16LE(30);
  if (length > bytes.length) return "a central header is cut off";
  if (bytes.readUInt16LE(32) !== 0) return "a member has a comment";
  if (bytes.readUInt16LE(34) !== 0) return "a member begins in another part";
  if (bytes.readUInt16LE(36) > 1) return "a member has unknown internal attributes";
  if (!HOSTS.has(bytes.readUInt8(5))) return "a member was made on an unknown kind of system";
  const rawName = bytes.subarray(CENTRAL_BYTES, nameEnd);
  const flags = bytes.readUInt16LE(8);
  const name = nameOf(rawName, (flags & FLAG_UTF8) !== 0 && bytes.readUInt8(5) === UNIX);
  if (name === null) return "a member's name is neither ASCII nor UTF-8 that is sound, marked and from Unix";
  const external = bytes.readUInt32LE(38);
  const directory = name.endsWith("/");
  const entry: CentralEntry = {
    name,
    rawName,
    versionNeeded: bytes.readUInt16LE(6),
    flags,
    method: bytes.readUInt16LE(10),
    time: bytes.readUInt32LE(12),
    crc: bytes.readUInt32LE(16),
    packedSize: bytes.readUInt32LE(20),
    size: bytes.readUInt32LE(24),
    offset: bytes.readUInt32LE(42),
    directory,
    executable: !directory && ((external >>> 16) & 0o111) !== 0,
  };
  const fault =
    fieldFault(entry) ?? attributeFault(external, directory) ?? extraFault(bytes.subarray(nameEnd, length), true);
  return fault === null ? { entry, length } : `member ${quoteOutside(name)}: ${fault}`;
}

/**
 * Names in another encoding would be other names for each reader: only what all of them read alike is a name. Names
 * from DOS and Windows beyond ASCII are not: some readers convert them from a code page though they are marked as UTF-8.
 */
function nameOf(raw: Buffer, utf8: boolean): string | null {
  if (raw.every((byte) => byte < 0x80)) return raw.toString("latin1");
  const text = raw.toString("utf8");
  return utf8 && Buffer.from(text, "utf8").equals(raw) ? text : null;
}

function fieldFault({ versionNeeded, flags, method, crc, packedSize, size, directory }: CentralEntry): string | null {
  if (versionNeeded > VERSION_MOST) return `needs version ${versionNeeded} of the format`;
  if ((flags & ~FLAGS) !== 0) return `has the flags 0x${flags.toString(16).padStart(4, "0")}: encrypted, or unknown`;
  if (method !== STORED && method !== DEFLATED) return `is packed by method ${method}, neither stored nor deflate`;
  if (packedSize === 0xffffffff || size === 0xffffffff) return "has its size elsewhere (ZIP64)";
  if (method === STORED) {
    if (packedSize !== size) return "is stored, but in another size than its own";
    // A reader that goes from front to back could not tell where it ends.
    if ((flags & FLAG_DESCRIPTOR) !== 0) return "is stored with its size behind it";
  }
  if (directory && (method !== STORED || size !== 0 || crc !== 0)) return "is a folder with content";
  return null;
}

/** Links, devices and volume labels are no files; and a folder is one by its name and by its attributes, or by neither. */
function attributeFault(external: number, directory: boolean): string | null {
  const mode = external >>> 16;
  const type = mode & TYPE;
  if (type !== 0 && type !== REGULAR && type !== FOLDER) return `is no regular file (mode ${mode.toString(8)})`;
  if ((external & 0xffff & ~DOS_ATTRIBUTES) !== 0) return "has attributes of something else than a file";
  const saysFolder = type === FOLDER || (external & DOS_FOLDER) !== 0;
  const saysFile = type === REGULAR;
  return (directory ? saysFile : saysFolder) ? "is a folder and a file at once" : null;
}
