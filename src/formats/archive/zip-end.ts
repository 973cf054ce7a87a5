import type { ByteSource } from "./byte-source.ts";

export const END_BYTES = 22;
export const END_SIGNATURE = 0x06054b50;

/** Where the central directory lies. */
export interface ZipEnd {
  readonly members: number;
  readonly start: number;
  readonly size: number;
}

/**
 * Reads the end record (APPNOTE 4.3.16), which must be the last 22 bytes. Readers search backwards for it, each over
 * another distance and with other tests: where a comment or a trailer may follow, they can be led to different
 * directories. Archives in several parts and ZIP64 are refused.
 */
export async function readZipEnd(source: ByteSource): Promise<ZipEnd | string> {
  if (source.size < END_BYTES) return "shorter than an end record";
  const record = Buffer.from(await source.read(source.size - END_BYTES, END_BYTES));
  if (record.readUInt32LE(0) !== END_SIGNATURE) return "the archive does not end with its end record";
  if (record.readUInt16LE(20) !== 0) return "the archive has a comment";
  if (record.readUInt16LE(4) !== 0 || record.readUInt16LE(6) !== 0) return "the archive is one of several parts";
  const members = record.readUInt16LE(10);
  if (record.readUInt16LE(8) !== members) return "the end record counts the members twice, differently";
  const size = record.readUInt32LE(12);
  const start = record.readUInt32LE(16);
  if (members === 0xffff || size === 0xffffffff || start === 0xffffffff) return "a ZIP64 archive";
  // Readers do not agree what an archive without members is: sound, a warning, or no archive.
  if (members === 0) return "the archive has no members";
  if (start + size !== source.size - END_BYTES) return "the central directory does not lie right before the end record";
  return { members, start, size };
}
