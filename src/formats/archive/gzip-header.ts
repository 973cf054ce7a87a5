import { crc32 } from "node:zlib";

/** Optional header fields (a file name, a comment) are for people; one that does not fit in here is refused. */
export const GZIP_HEADER_MOST = 4 * 1024;

const FHCRC = 0x02;
const FEXTRA = 0x04;
const FNAME = 0x08;
const FCOMMENT = 0x10;
const RESERVED = 0xe0;

/** The length of the gzip member header that `bytes` begins with (RFC 1952 section 2.3), or what is wrong with it. */
export function gzipHeaderLength(bytes: Uint8Array): number | string {
  const [id1, id2, method, flags = 0] = bytes;
  if (bytes.length < 10) return "shorter than a gzip header";
  if (id1 !== 0x1f || id2 !== 0x8b) return "no gzip magic";
  if (method !== 8) return "gzip method is not deflate";
  if ((flags & RESERVED) !== 0) return "reserved gzip flags are set";
  let at = 10;
  if ((flags & FEXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) return "a gzip header field has no end";
    at = end + 1;
  }
  if ((flags & FHCRC) !== 0) {
    const stored = (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
    if (stored !== (crc32(bytes.subarray(0, at)) & 0xffff)) return "the checksum of the gzip header is wrong";
    at += 2;
  }
  return at > bytes.length ? "the gzip header is cut off" : at;
}
