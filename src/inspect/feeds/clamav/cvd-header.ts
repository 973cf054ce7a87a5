import { quoteOutside } from "../../../core/kernel/errors.ts";

/** Bytes of the header in front of a CVD's body. */
export const CVD_HEADER_BYTES = 512;

/** What a CVD says of itself, in its header and once more in its `.info` member. */
export interface CvdStatement {
  /** The build time as text: "22 Jun 2021 21-34 -0400". */
  readonly time: string;
  readonly version: number;
  readonly signatures: number;
  readonly functionalityLevel: number;
  readonly builder: string;
  /** The build time in seconds since 1970. */
  readonly epoch: number;
}

export interface CvdHeader extends CvdStatement {
  /** MD5 of everything behind the header, 32 lower-case hexadecimal digits. */
  readonly md5: string;
  /** The signature over that MD5, in ClamAV's radix 64. */
  readonly dsig: string;
}

const FIELDS = /^ClamAV-VDB:([^:]*):([^:]*):([^:]*):([^:]*):([^:]*):([^:]*):([^:]*):([^:]*)$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Reads the 512 bytes in front of a CVD's body: nine fields between colons, then spaces. All of it is a claim: the
 * signature in it covers the MD5 of the body alone, so that whoever carries the file may change version, time, counts
 * and builder. What it says is proven only by the `.info` member inside the signed body.
 */
export function parseCvdHeader(bytes: Uint8Array): { readonly header: CvdHeader } | { readonly malformed: string } {
  if (bytes.length < CVD_HEADER_BYTES) return { malformed: `${bytes.length} bytes are too few for a CVD header` };
  const text = Buffer.from(bytes.subarray(0, CVD_HEADER_BYTES)).toString("latin1");
  if (!PRINTABLE.test(text)) return { malformed: "the header holds bytes that are not printable ASCII" };
  const parsed = parseStatement(text.replace(/ +$/, ""));
  if ("malformed" in parsed) return { malformed: `header: ${parsed.malformed}` };
  const { statement, md5, dsig } = parsed;
  if (!/^[0-9a-f]{32}$/.test(md5)) return { malformed: `header: "${quoteOutside(md5, 40)}" is no MD5` };
  if (!/^[A-Za-z0-9+/]{1,344}$/.test(dsig)) return { malformed: "header: the signature is not in radix 64" };
  return { header: { ...statement, md5, dsig } };
}

/** Reads one `ClamAV-VDB:` line, wherever it stands. */
export function parseStatement(
  line: string,
): { readonly statement: CvdStatement; readonly md5: string; readonly dsig: string } | { readonly malformed: string } {
  const fields = FIELDS.exec(line);
  if (fields === null) return { malformed: "not nine fields that begin with ClamAV-VDB" };
  const [, time = "", version = "", signatures = "", level = "", md5 = "", dsig = "", builder = "", epoch = ""] =
    fields;
  const numbers = {
    version: count(version),
    signatures: count(signatures),
    functionalityLevel: count(level),
    epoch: count(epoch),
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value === null) return { malformed: `${name} is no whole number of 32 bits` };
  }
  if (numbers.version === 0) return { malformed: "version is 0" };
  if (!/^[\x20-\x7e]{1,64}$/.test(time)) return { malformed: "the build time is not 1 to 64 characters" };
  if (!/^[\x21-\x7e]{1,64}$/.test(builder)) return { malformed: "the builder is not 1 to 64 characters" };
  const { version: v, signatures: s, functionalityLevel: f, epoch: e } = numbers;
  return {
    statement: { time, version: v ?? 0, signatures: s ?? 0, functionalityLevel: f ?? 0, builder, epoch: e ?? 0 },
    md5,
    dsig,
  };
}

/**
 * Clients read these numbers with atoi() into 32 bits. What atoi() would read differently (signs, blanks, leading
 * zeros, more digits) is refused, so that client and mirror cannot see two versions in one text.
 */
function count(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(text)) return null;
  const value = Number(text);
  return value < 2 ** 32 ? value : null;
}
