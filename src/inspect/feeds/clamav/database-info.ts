import { quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { type CvdStatement, parseStatement } from "./cvd-header.ts";

/** One line of an `.info` member. */
export interface ListedMember {
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** A database's `.info` member: what the database says of itself, under a signature of its own. */
export interface DatabaseInfo {
  readonly statement: CvdStatement;
  readonly members: ReadonlyMap<string, ListedMember>;
  /** The signature in ClamAV's radix 64, over the first `signedLength` bytes. */
  readonly dsig: string;
  readonly signedLength: number;
}

const MEMBER = /^([\x21-\x39\x3b-\x7e]{1,100}):(0|[1-9][0-9]{0,9}):([0-9a-f]{64})$/;
const DSIG = "DSIG:";

/**
 * Reads an `.info` member: a `ClamAV-VDB:` line as in the header with `X` for MD5 and signature, a line
 * `name:size:SHA-256` for each member, and `DSIG:` with the signature over all lines before it.
 */
export function parseDatabaseInfo(bytes: Uint8Array): { readonly info: DatabaseInfo } | { readonly malformed: string } {
  const text = Buffer.from(bytes).toString("latin1");
  const lines = text.split("\n");
  const signatureLine = lines.findIndex((line) => line.startsWith(DSIG));
  // Clients read no further than the signature; whatever stands behind it would be content that nobody signed.
  if (signatureLine < 0) return { malformed: ".info: no DSIG line" };
  if (lines.slice(signatureLine + 1).join("") !== "" || lines.length > signatureLine + 2)
    return { malformed: ".info: lines behind its signature" };
  const first = parseStatement(lines[0] ?? "");
  if ("malformed" in first) return { malformed: `.info: ${first.malformed}` };
  const members = new Map<string, ListedMember>();
  for (const [at, line] of lines.slice(1, signatureLine).entries()) {
    const [, name = "", size = "", sha256 = ""] = MEMBER.exec(line) ?? [];
    if (name === "") return { malformed: `.info: line ${at + 2} is no name, size and SHA-256` };
    if (members.has(name)) return { malformed: `.info: ${quoteOutside(name)} is listed twice` };
    members.set(name, { size: Number(size), sha256 });
    if (members.size > LIMITS.archiveMembers) return { malformed: `.info: more than ${LIMITS.archiveMembers} members` };
  }
  const dsig = (lines[signatureLine] ?? "").slice(DSIG.length);
  const signedLength = lines.slice(0, signatureLine).reduce((total, line) => total + line.length + 1, 0);
  return { info: { statement: first.statement, members, dsig, signedLength } };
}
