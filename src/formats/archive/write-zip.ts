import { crc32, deflateRawSync } from "node:zlib";
import type { Instant } from "../../core/kernel/instant.ts";
import { CENTRAL_BYTES, CENTRAL_SIGNATURE, DEFLATED, FLAG_UTF8, STORED } from "./zip-directory.ts";
import { END_BYTES, END_SIGNATURE } from "./zip-end.ts";
import { LOCAL_BYTES, LOCAL_SIGNATURE } from "./zip-local.ts";
import { claimName, type NameBook } from "./zip-names.ts";

const VERSION = 20;
const UNIX = 3;
const FILE_MODE = 0o100644;
const PROGRAM_MODE = 0o100755;
const FOLDER_MODE = 0o040755;
const DOS_FOLDER = 0x10;

export interface NewMember {
  /** A safe path; one that ends with "/" is a folder and has no bytes. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Not deflated, even where that would be shorter. */
  readonly store?: boolean;
  /** A program: whoever unpacks it may run it. */
  readonly executable?: boolean;
}

interface Packed {
  readonly name: Buffer;
  readonly folder: boolean;
  readonly executable: boolean;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly size: number;
  readonly data: Uint8Array;
}

/**
 * Writes an archive that `readZip` accepts: the same members in the same order at the same time give the same bytes.
 * Throws an `Error` on what no such archive can hold: no members or more than 65,534, unsafe or colliding names, 4 GiB.
 */
export function writeZip(members: readonly NewMember[], at: Instant): Uint8Array {
  if (members.length === 0 || members.length >= 0xffff) throw new Error(`an archive of ${members.length} members`);
  const names: NameBook = new Map();
  const time = dosTime(at);
  const bodies: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const member of members) {
    const fault = claimName(names, member.name);
    if (fault !== null) throw new Error(fault);
    const packed = pack(member);
    const local = localHeader(packed, time);
    directory.push(centralHeader(packed, time, offset));
    bodies.push(local, packed.data);
    offset += local.length + packed.data.length;
    if (offset >= 0xffffffff) throw new Error("an archive of 4 GiB or more");
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...bodies, central, endRecord(members.length, central.length, offset)]);
}

function pack({ name, bytes, store = false, executable = false }: NewMember): Packed {
  const folder = name.endsWith("/");
  if (folder && bytes.length > 0) throw new Error("a folder with content");
  const raw = Buffer.from(name, "utf8");
  const flags = raw.length === name.length ? 0 : FLAG_UTF8;
  const deflated = store || bytes.length === 0 ? null : deflateRawSync(bytes, { level: 9 });
  const shorter = deflated !== null && deflated.length < bytes.length ? deflated : null;
  const method = shorter === null ? STORED : DEFLATED;
  const data = shorter ?? bytes;
  return { name: raw, folder, executable, flags, method, crc: crc32(bytes), size: bytes.length, data };
}

function localHeader(member: Packed, time: number): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES);
  header.writeUInt32LE(LOCAL_SIGNATURE, 0);
  writeCommon(header, 4, member, time);
  return Buffer.concat([header, member.name]);
}

function centralHeader(member: Packed, time: number, offset: number): Buffer {
  const header = Buffer.alloc(CENTRAL_BYTES);
  header.writeUInt32LE(CENTRAL_SIGNATURE, 0);
  header.writeUInt16LE((UNIX << 8) | VERSION, 4);
  writeCommon(header, 6, member, time);
  header.writeUInt16LE(member.folder ? DOS_FOLDER : 0, 38);
  header.writeUInt16LE(member.folder ? FOLDER_MODE : member.executable ? PROGRAM_MODE : FILE_MODE, 40);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, member.name]);
}

/** The fields that both headers have, in the same order (APPNOTE 4.3.7 and 4.3.12). */
function writeCommon(header: Buffer, at: number, { name, flags, method, crc, size, data }: Packed, time: number): void {
  header.writeUInt16LE(VERSION, at);
  header.writeUInt16LE(flags, at + 2);
  header.writeUInt16LE(method, at + 4);
  header.writeUInt32LE(time, at + 6);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(data.length, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(name.length, at + 22);
}

function endRecord(members: number, size: number, start: number): Buffer {
  const record = Buffer.alloc(END_BYTES);
  record.writeUInt32LE(END_SIGNATURE, 0);
  record.writeUInt16LE(members, 8);
  record.writeUInt16LE(members, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(start, 16);
  return record;
}

/** MS-DOS date and time in UTC, two seconds fine, from 1980 to 2107: the nearest that there is. */
function dosTime(at: Instant): number {
  const time = new Date(Math.min(Math.max(at, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31, 23, 59, 58)));
  const date = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  const clock = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1);
  return ((date << 16) | clock) >>> 0;
}
