import { createHash } from "node:crypto";
import type { SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { ContentFindings } from "../../../core/model/findings.ts";
import { FlatTarReader } from "../../../formats/archive/flat-tar.ts";
import { gunzip } from "../../../formats/archive/gunzip.ts";
import { type FileRange, readRange, readShort } from "../../../formats/archive/read-range.ts";
import { findings, type Seen } from "./content-findings.ts";
import { contradictionsOf } from "./contradictions.ts";
import { CVD_HEADER_BYTES, type CvdHeader, parseCvdHeader } from "./cvd-header.ts";
import { parseDatabaseInfo } from "./database-info.ts";
import { DatabaseMembers } from "./database-members.ts";
import type { ClamavKeys } from "./keys.ts";
import { verifyBodySignature, verifyPssSignature } from "./signature.ts";

/**
 * Looks into a database (`.cvd`): header, MD5 of the body, the header's signature over that MD5, and then, inside the
 * body, the `.info` member with its own signature, its statement and the SHA-256 of every other member. The body is
 * unpacked only when its signature is good: bytes that nobody signed never reach the inflater.
 */
export async function inspectCvd(
  file: FileRange,
  path: string,
  keys: ClamavKeys,
  expandedBytes: number,
): Promise<ContentFindings> {
  const { handle, end } = file;
  const parsed = parseCvdHeader(await readShort({ handle, start: 0, end: Math.min(CVD_HEADER_BYTES, end) }));
  if ("malformed" in parsed) return findings({ malformed: parsed.malformed });
  const { header } = parsed;
  const body = { handle, start: CVD_HEADER_BYTES, end };
  const bodySignature = await checkBody(body, header, path, keys);
  if (bodySignature.status !== "good") return findings({ signatures: [bodySignature], notes: notesOf(header) });
  const inside = await inspectBody(body, header, path, keys, expandedBytes);
  return findings({
    ...inside,
    signatures: [bodySignature, ...(inside.signatures ?? [])],
    notes: { ...notesOf(header), ...inside.notes },
  });
}

async function checkBody(
  body: FileRange,
  header: CvdHeader,
  path: string,
  keys: ClamavKeys,
): Promise<SignatureFinding> {
  const hash = createHash("md5");
  for await (const piece of readRange(body)) hash.update(piece);
  const md5 = hash.digest();
  const finding = { scheme: "cvd-rsa", over: path, signer: "ClamAV CVD production key", signedAt: null } as const;
  if (md5.toString("hex") !== header.md5)
    return { ...finding, status: "wrong", detail: "the body's MD5 is not the one in the header" };
  return { ...finding, ...verifyBodySignature(md5, header.dsig, keys.body) };
}

async function inspectBody(
  body: FileRange,
  header: CvdHeader,
  path: string,
  keys: ClamavKeys,
  mostExpanded: number,
): Promise<Seen> {
  const members = new DatabaseMembers();
  const tar = new FlatTarReader(members);
  const end = await gunzip(body, mostExpanded, (piece) => tar.push(piece) === null && members.fault === null);
  const seen = {
    expandedBytes: end.expandedBytes,
    expandedPastCap: end.outcome === "past-cap",
    notes: { members: tar.members },
  };
  if (end.outcome === "past-cap") return seen;
  if (end.outcome === "malformed") return { ...seen, malformed: `body: ${end.detail}` };
  const fault = members.fault ?? tar.finish();
  if (fault !== null) return { ...seen, malformed: `body: ${fault}` };
  const infoMember = members.info;
  if (infoMember === null) return { ...seen, malformed: "body: no .info member" };
  const parsed = parseDatabaseInfo(infoMember.bytes);
  if ("malformed" in parsed) return { ...seen, malformed: parsed.malformed };
  const { info } = parsed;
  const signed = createHash("sha256").update(infoMember.bytes.subarray(0, info.signedLength)).digest();
  const signature = {
    scheme: "cvd-info-rsa-pss",
    over: path,
    signer: "ClamAV .info production key",
    signedAt: null,
  } as const;
  return {
    ...seen,
    signatures: [{ ...signature, ...verifyPssSignature(signed, info.dsig, keys.info) }],
    contradictions: contradictionsOf(header, info, members.members),
    version: info.statement.version,
    builtAt: info.statement.epoch * 1_000,
    // The database's own name is signed, the name it is published under is not: they may differ.
    notes: { ...seen.notes, info: infoMember.name },
  };
}

function notesOf(header: CvdHeader): ContentFindings["notes"] {
  return { signatures: header.signatures, functionalityLevel: header.functionalityLevel, builder: header.builder };
}
