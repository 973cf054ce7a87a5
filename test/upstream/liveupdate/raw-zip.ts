import { crc32, deflateRawSync } from "node:zlib";

/** A member as a hostile or careless packer may write it. */
export interface RawMember {
  readonly name: string | Uint8Array;
  readonly bytes: Uint8Array;
  readonly store?: boolean;
  /** What local header and directory say where that is not the truth. */
  readonly local?: RawFields;
  readonly central?: RawFields;
  /** Bytes between the member before and this one's local header. */
  readonly gap?: Uint8Array;
}

interface RawFields {
  readonly name?: string;
  readonly size?: number;
  readonly packedSize?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly externalAttributes?: number;
}

export interface RawZip {
  readonly prefix?: Uint8Array;
  /** Between the last member and the directory. */
  readonly beforeDirectory?: Uint8Array;
  readonly comment?: Uint8Array;
  readonly trailer?: Uint8Array;
}

// 2026-02-01 00:00 in the MS-DOS form.
const DATE = ((2026 - 1980) << 9) | (2 << 5) | 1;

/**
 * A zip archive (PKWARE APPNOTE 4.3) written here and not by the product, so that reading it proves something; with its
 * options, one that no strict reader takes.
 */
export function rawZip(members: readonly RawMember[], around: RawZip = {}): Buffer {
  const parts: Uint8Array[] = [around.prefix ?? Buffer.alloc(0)];
  const directory: Uint8Array[] = [];
  let at = parts[0]?.length ?? 0;
  const put = (bytes: Uint8Array): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const member of members) {
    const packed = member.store === true ? member.bytes : deflateRawSync(member.bytes);
    put(member.gap ?? Buffer.alloc(0));
    directory.push(header(0x02014b50, member, packed.length, member.central ?? {}, at));
    put(header(0x04034b50, member, packed.length, member.local ?? {}, null));
    put(packed);
  }
  put(around.beforeDirectory ?? Buffer.alloc(0));
  const start = at;
  for (const entry of directory) put(entry);
  const comment = around.comment ?? Buffer.alloc(0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(at - start, 12);
  end.writeUInt32LE(start, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, end, comment, around.trailer ?? Buffer.alloc(0)]);
}

/** A local header, or with `offset` the directory's entry. */
function header(signature: number, member: RawMember, packed: number, says: RawFields, offset: number | null): Buffer {
  const name = Buffer.from(says.name ?? member.name);
  const central = offset !== null;
  const fields = Buffer.alloc(central ? 46 : 30);
  fields.writeUInt32LE(signature, 0);
  // Made by version 2.0 on Unix, needs version 2.0.
  let at = central ? fields.writeUInt16LE(0x0314, 4) : 4;
  at = fields.writeUInt16LE(20, at);
  at = fields.writeUInt16LE(says.flags ?? 0, at);
  at = fields.writeUInt16LE(says.method ?? (member.store === true ? 0 : 8), at);
  at = fields.writeUInt16LE(0, at);
  at = fields.writeUInt16LE(DATE, at);
  at = fields.writeUInt32LE(says.crc ?? crc32(member.bytes), at);
  at = fields.writeUInt32LE(says.packedSize ?? packed, at);
  at = fields.writeUInt32LE(says.size ?? member.bytes.length, at);
  fields.writeUInt16LE(name.length, at);
  if (central) {
    fields.writeUInt32LE(says.externalAttributes ?? (0o100644 << 16) >>> 0, 38);
    fields.writeUInt32LE(offset, 42);
  }
  return Buffer.concat([fields, name]);
}
