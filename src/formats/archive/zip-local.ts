import { quoteOutside } from "../../core/kernel/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { type CentralEntry, FLAG_DESCRIPTOR } from "./zip-directory.ts";
import { EXTRA_MOST, extraFault } from "./zip-extra.ts";

export const LOCAL_BYTES = 30;
export const LOCAL_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;

/**
 * Checks one member where it lies: from `start` to `end`, which is where the next one or the central directory begins,
 * there must be its local header, its packed bytes and, where flagged, its data descriptor, and nothing else. Answers
 * with the offset of the packed bytes. Readers that go by local headers and those that go by the directory see the same.
 */
export async function checkZipMember(
  source: ByteSource,
  entry: CentralEntry,
  start: number,
  end: number,
): Promise<number | string> {
  const where = `member ${quoteOutside(entry.name)}`;
  if (entry.offset !== start) return `${where} does not begin where the one before it ends`;
  const named = LOCAL_BYTES + entry.rawName.length;
  if (start + named + entry.packedSize > end) return `${where} reaches into what follows it`;
  const most = Math.min(end - start, named + EXTRA_MOST);
  const header = Buffer.from(await source.read(start, most));
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) return `${where} has no local header`;
  const extraLength = header.readUInt16LE(28);
  const fault = headerFault(header, entry);
  if (fault !== null) return `${where}: the local header has ${fault} than the directory`;
  if (named + extraLength > header.length) return `${where} has more extra fields than fit`;
  const extra = extraFault(header.subarray(named, named + extraLength), false);
  if (extra !== null) return `${where}: ${extra}`;
  const data = start + named + extraLength;
  const rest = end - data - entry.packedSize;
  const described = (entry.flags & FLAG_DESCRIPTOR) !== 0;
  if (described ? rest !== 12 && rest !== 16 : rest !== 0)
    return `${where}: other bytes lie between it and what follows`;
  if (described) {
    const descriptor = Buffer.from(await source.read(end - rest, rest));
    if (!descriptorAgrees(descriptor, entry)) return `${where}: its data descriptor says otherwise than the directory`;
  }
  return data;
}

/** The first field in which the two headers (APPNOTE 4.3.7 and 4.3.12) differ. */
function headerFault(header: Buffer, entry: CentralEntry): string | null {
  if (header.readUInt16LE(4) !== entry.versionNeeded) return "another version";
  if (header.readUInt16LE(6) !== entry.flags) return "other flags";
  if (header.readUInt16LE(8) !== entry.method) return "another method";
  if (header.readUInt32LE(10) !== entry.time) return "another time";
  const raw = header.subarray(LOCAL_BYTES, LOCAL_BYTES + entry.rawName.length);
  if (header.readUInt16LE(26) !== entry.rawName.length || !raw.equals(entry.rawName)) return "another name";
  const said = [header.readUInt32LE(14), header.readUInt32LE(18), header.readUInt32LE(22)] as const;
  // With a descriptor the three are zero here and stand behind the data (APPNOTE 4.4.4, bit 3).
  if ((entry.flags & FLAG_DESCRIPTOR) !== 0 && said.every((value) => value === 0)) return null;
  return said[0] === entry.crc && said[1] === entry.packedSize && said[2] === entry.size ? null : "another CRC or size";
}

/** APPNOTE 4.3.9: its signature is optional, and whether it is there shows only in the length. */
function descriptorAgrees(descriptor: Buffer, { crc, packedSize, size }: CentralEntry): boolean {
  const signed = descriptor.length === 16;
  // Without a signature, a CRC that looks like one makes other readers take the fields for those after them.
  if (signed ? descriptor.readUInt32LE(0) !== DESCRIPTOR_SIGNATURE : crc === DESCRIPTOR_SIGNATURE) return false;
  const at = signed ? 4 : 0;
  return (
    descriptor.readUInt32LE(at) === crc &&
    descriptor.readUInt32LE(at + 4) === packedSize &&
    descriptor.readUInt32LE(at + 8) === size
  );
}
