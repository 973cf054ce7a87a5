import { createHash } from "node:crypto";
import type { ContentFindings } from "../../../core/model/findings.ts";
import { gunzip } from "../../../formats/archive/gunzip.ts";
import { type FileRange, readRange, readShort } from "../../../formats/archive/read-range.ts";
import { findings } from "./content-findings.ts";
import type { ClamavKeys } from "./keys.ts";
import { verifyPssSignature } from "./signature.ts";

/** Bytes at the end in which clients look for the signature. */
const TAIL_BYTES = 350;
/** "ClamAV-Diff:" and two numbers of 32 bits with their colons. */
const HEAD_BYTES = 12 + 2 * 11;

const HEAD = /^ClamAV-Diff:([1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9}):/;

interface CdiffFrame {
  readonly version: number;
  /** Bytes that the script unpacks to, as the header says. */
  readonly expandedBytes: number;
  /** Where the gzip stream begins and ends; the signature covers everything before its end. */
  readonly start: number;
  readonly end: number;
  readonly dsig: string;
}

/** Finds header and signature from the first and last bytes of a cdiff of `size` bytes, or says what is wrong. */
function parseCdiffFrame(head: Uint8Array, tail: Uint8Array, size: number): CdiffFrame | string {
  // The vendor publishes an empty cdiff where a step cannot be expressed as one: clients then take the whole database.
  if (size === 0) return 'zero bytes: the vendor\'s word for "no patch, take the whole database"';
  const fields = HEAD.exec(Buffer.from(head).toString("latin1"));
  if (fields === null) return "no header ClamAV-Diff:version:length:";
  const [header, version, expandedBytes] = [fields[0], Number(fields[1]), Number(fields[2])];
  if (version >= 2 ** 32 || expandedBytes >= 2 ** 32) return "a number in the header has more than 32 bits";
  const colon = tail.lastIndexOf(0x3a);
  const end = size - tail.length + colon;
  if (colon < 0 || end <= header.length) return "no signature at the end";
  const dsig = Buffer.from(tail.subarray(colon + 1)).toString("latin1");
  return { version, expandedBytes, start: header.length, end, dsig };
}

/**
 * Looks into an incremental patch (`.cdiff`). Its signature covers the header too, so that its version is proven. As
 * with a database, nothing unsigned is unpacked.
 */
export async function inspectCdiff(
  file: FileRange,
  path: string,
  keys: ClamavKeys,
  mostExpanded: number,
): Promise<ContentFindings> {
  const { handle, end: size } = file;
  const head = await readShort({ handle, start: 0, end: Math.min(size, HEAD_BYTES) });
  const tail = await readShort({ handle, start: Math.max(0, size - TAIL_BYTES), end: size });
  const frame = parseCdiffFrame(head, tail, size);
  if (typeof frame === "string") return findings({ malformed: frame });
  const hash = createHash("sha256");
  for await (const piece of readRange({ handle, start: 0, end: frame.end })) hash.update(piece);
  const signature = {
    scheme: "cdiff-rsa-pss",
    over: path,
    signer: "ClamAV cdiff production key",
    signedAt: null,
    ...verifyPssSignature(hash.digest(), frame.dsig, keys.cdiff),
  } as const;
  if (signature.status !== "good") return findings({ signatures: [signature] });
  const end = await gunzip({ handle, start: frame.start, end: frame.end }, mostExpanded, () => true);
  const seen = {
    signatures: [signature],
    version: frame.version,
    expandedBytes: end.expandedBytes,
    expandedPastCap: end.outcome === "past-cap",
  };
  if (end.outcome === "malformed") return findings({ ...seen, malformed: `patch: ${end.detail}` });
  const differs = end.outcome === "whole" && end.expandedBytes !== frame.expandedBytes;
  const contradictions = differs ? [`length: header ${frame.expandedBytes}, unpacked ${end.expandedBytes}`] : [];
  return findings({ ...seen, contradictions });
}
