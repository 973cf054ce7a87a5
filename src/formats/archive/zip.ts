import type { ByteSource } from "./byte-source.ts";
import { type PackedMember, unpackMember } from "./zip-content.ts";
import { type CentralEntry, readZipDirectory, STORED } from "./zip-directory.ts";
import { readZipEnd } from "./zip-end.ts";
import { checkZipMember } from "./zip-local.ts";

export { ZipFault } from "./zip-content.ts";

export interface ZipCaps {
  readonly members: number;
  /** Bytes of all members, unpacked. */
  readonly expandedBytes: number;
  /** Unpacked bytes for each byte of the archive. */
  readonly ratio: number;
}

export interface ZipMember {
  /** A safe path; that of a folder ends with "/". */
  readonly name: string;
  readonly size: number;
  readonly packedSize: number;
  readonly directory: boolean;
  readonly executable: boolean;
}

export type ZipRead =
  | {
      readonly kind: "zip";
      readonly members: readonly ZipMember[];
      /**
       * The member's bytes, never more than its `size`. Whoever has not read to the end has not seen them proven:
       * throws `ZipFault` when they do not unpack to exactly the declared size and CRC-32, and what the source throws.
       */
      content(member: ZipMember): AsyncIterable<Uint8Array>;
    }
  | { readonly kind: "malformed"; readonly detail: string }
  | { readonly kind: "past-cap"; readonly expandedBytes: number };

/**
 * Reads a ZIP archive (PKWARE APPNOTE 6.3) more narrowly than any unpacker does, so that no unpacker can see another
 * archive than the one that was verified. From byte 0 to the last there are: the members without gaps and in the
 * directory's order, the directory, the end record. Every local header says what the directory says. Names are safe and
 * different on every file system. Stored and deflate only; no encryption, links, comments, ZIP64, archives in parts.
 * The caps are checked against what the directory declares, before a byte is unpacked.
 */
export async function readZip(source: ByteSource, caps: ZipCaps): Promise<ZipRead> {
  const end = await readZipEnd(source);
  if (typeof end === "string") return { kind: "malformed", detail: end };
  if (end.members > caps.members) return { kind: "malformed", detail: `more than ${caps.members} members` };
  const entries = await readZipDirectory(source, end);
  if (typeof entries === "string") return { kind: "malformed", detail: entries };
  const expandedBytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (expandedBytes > caps.expandedBytes || expandedBytes > caps.ratio * source.size)
    return { kind: "past-cap", expandedBytes };
  const places = new Map<ZipMember, PackedMember>();
  let start = 0;
  for (const [at, entry] of entries.entries()) {
    const next = entries[at + 1]?.offset ?? end.start;
    const offset = await checkZipMember(source, entry, start, Math.min(next, end.start));
    if (typeof offset === "string") return { kind: "malformed", detail: offset };
    places.set(memberOf(entry), placeOf(entry, offset));
    start = next;
  }
  return { kind: "zip", members: [...places.keys()], content: (member) => unpack(source, places.get(member)) };
}

function unpack(source: ByteSource, place: PackedMember | undefined): AsyncIterable<Uint8Array> {
  if (place === undefined) throw new Error("not a member of this archive");
  return unpackMember(source, place);
}

function memberOf({ name, size, packedSize, directory, executable }: CentralEntry): ZipMember {
  return { name, size, packedSize, directory, executable };
}

function placeOf({ packedSize, size, crc, method }: CentralEntry, offset: number): PackedMember {
  return { offset, packedSize, size, crc, stored: method === STORED };
}
