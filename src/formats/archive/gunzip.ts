import { Readable } from "node:stream";
import { crc32, createInflateRaw, type InflateRaw } from "node:zlib";
import { GZIP_HEADER_MOST, gzipHeaderLength } from "./gzip-header.ts";
import { type FileRange, readRange, readShort } from "./read-range.ts";

const TRAILER_BYTES = 8;
/** Bytes that the inflater hands over at once. */
const PIECE_BYTES = 128 * 1024;

/** How unpacking ended; `expandedBytes` counts what came out until then. */
export interface GunzipEnd {
  /** `stopped`: the taker wanted no more. */
  readonly outcome: "whole" | "malformed" | "past-cap" | "stopped";
  readonly expandedBytes: number;
  readonly detail: string;
}

/**
 * Unpacks a range that must be exactly one gzip member (RFC 1952), never beyond `most` bytes, a piece at a time. A
 * second member or anything else behind the first is malformed: readers disagree whether it is content, so it is the
 * place to hide what a verifier does not see. The trailer's place is known from the range's end, and so the
 * inflater gets the deflate stream alone and must use up all of it.
 */
export async function gunzip(range: FileRange, most: number, take: (piece: Buffer) => boolean): Promise<GunzipEnd> {
  const { handle, start, end } = range;
  const head = await readShort({ handle, start, end: Math.min(end, start + GZIP_HEADER_MOST) });
  const headerLength = gzipHeaderLength(head);
  if (typeof headerLength === "string") return { outcome: "malformed", expandedBytes: 0, detail: headerLength };
  const deflated = { handle, start: start + headerLength, end: end - TRAILER_BYTES };
  if (deflated.end <= deflated.start)
    return { outcome: "malformed", expandedBytes: 0, detail: "the gzip stream is cut off" };
  const trailer = await readShort({ handle, start: deflated.end, end });
  return inflate(deflated, { crc: trailer.readUInt32LE(0), size: trailer.readUInt32LE(4) }, most, take);
}

async function inflate(
  deflated: FileRange,
  trailer: { readonly crc: number; readonly size: number },
  most: number,
  take: (piece: Buffer) => boolean,
): Promise<GunzipEnd> {
  const inflater = createInflateRaw({ chunkSize: PIECE_BYTES });
  const source = Readable.from(readRange(deflated), { objectMode: false });
  // Not pipeline(): it would report the early end of a stopped or capped run as an error of its own.
  source.on("error", (cause) => inflater.destroy(cause));
  source.pipe(inflater);
  let expandedBytes = 0;
  let crc = 0;
  const ended = (outcome: GunzipEnd["outcome"], detail: string): GunzipEnd => ({ outcome, expandedBytes, detail });
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      expandedBytes += piece.length;
      if (expandedBytes > most) return ended("past-cap", `more than ${most} bytes`);
      crc = crc32(piece, crc);
      if (!take(piece)) return ended("stopped", "");
    }
  } catch (cause) {
    const detail = inflateFault(cause);
    if (detail === null) throw cause;
    return ended("malformed", detail);
  } finally {
    source.destroy();
    inflater.destroy();
  }
  const fault = trailerFault(inflater, deflated, trailer, crc, expandedBytes);
  return fault === null ? ended("whole", "") : ended("malformed", fault);
}

function trailerFault(
  inflater: InflateRaw,
  deflated: FileRange,
  trailer: { readonly crc: number; readonly size: number },
  crc: number,
  expandedBytes: number,
): string | null {
  // The inflater stops at the end of its stream and counts what it used.
  if (inflater.bytesWritten !== deflated.end - deflated.start)
    return "there are bytes after the end of the gzip stream";
  if (trailer.crc !== crc) return "the gzip stream's CRC-32 is wrong";
  return trailer.size === expandedBytes % 2 ** 32 ? null : "the gzip stream's length field is wrong";
}

/** What the inflater says of bad bytes; `null` for any other error, which is not the vendor's doing. */
function inflateFault(cause: unknown): string | null {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "Z_BUF_ERROR") return "the gzip stream is cut off";
  return code === "Z_DATA_ERROR" || code === "Z_NEED_DICT" ? "the gzip stream is damaged" : null;
}
