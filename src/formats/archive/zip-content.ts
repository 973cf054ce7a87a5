import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import type { ByteSource } from "./byte-source.ts";
import { DeflateForm } from "./deflate-form.ts";

/** Bytes that are read, and that the inflater hands over, at once. */
const PIECE_BYTES = 128 * 1024;

/** A member's content is not what its headers say. `past-cap`: it unpacks to more than they say. */
export class ZipFault extends Error {
  readonly kind: "malformed" | "past-cap";

  constructor(kind: "malformed" | "past-cap", detail: string) {
    super(detail);
    this.name = "ZipFault";
    this.kind = kind;
  }
}

/** Where a member's packed bytes lie, and what they must unpack to. */
export interface PackedMember {
  readonly offset: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  readonly stored: boolean;
}

/**
 * A member's content, piece by piece. Throws `ZipFault` as soon as there is more than declared, and at the end when
 * there was less, the CRC-32 differs or packed bytes are left over, which another reader might take for content.
 */
export async function* unpackMember(
  source: ByteSource,
  member: PackedMember,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  let crc = 0;
  for await (const piece of member.stored ? packedBytes(source, member) : inflate(source, member)) {
    size += piece.length;
    if (size > member.size) throw new ZipFault("past-cap", `it unpacks to more than its ${member.size} bytes`);
    crc = crc32(piece, crc);
    yield piece;
  }
  if (size !== member.size) throw new ZipFault("malformed", `it unpacks to ${size} bytes, not to ${member.size}`);
  if (crc !== member.crc) throw new ZipFault("malformed", "its CRC-32 is wrong");
}

async function* packedBytes(source: ByteSource, { offset, packedSize }: PackedMember): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < packedSize; at += PIECE_BYTES)
    yield await source.read(offset + at, Math.min(PIECE_BYTES, packedSize - at));
}

/** The packed bytes as they come, as long as no two unpackers read them differently. */
async function* wellFormed(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const form = new DeflateForm();
  for await (const piece of packed) {
    const fault = form.push(piece);
    if (fault !== null) throw new ZipFault("malformed", fault);
    yield piece;
  }
}

async function* inflate(source: ByteSource, member: PackedMember): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: Math.min(PIECE_BYTES, Math.max(1_024, member.size)) });
  const packed = Readable.from(wellFormed(packedBytes(source, member)), { objectMode: false });
  // Not pipeline(): it would report the early end of a stopped reading as an error of its own.
  packed.on("error", (cause) => inflater.destroy(cause));
  packed.pipe(inflater);
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) yield piece;
  } catch (cause) {
    if (cause instanceof ZipFault) throw cause;
    const detail = inflateFault(cause);
    throw detail === null ? cause : new ZipFault("malformed", detail);
  } finally {
    packed.destroy();
    inflater.destroy();
  }
  // The inflater stops at the end of its stream and counts what it used.
  if (inflater.bytesWritten !== member.packedSize)
    throw new ZipFault("malformed", "there are bytes after the end of its deflate stream");
}

/** What the inflater says of bad bytes; `null` for any other error, which is not the vendor's doing. */
function inflateFault(cause: unknown): string | null {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "Z_BUF_ERROR") return "its deflate stream is cut off";
  return code === "Z_DATA_ERROR" || code === "Z_NEED_DICT" ? "its deflate stream is damaged" : null;
}
