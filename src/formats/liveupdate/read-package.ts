import { createHash, type Hash } from "node:crypto";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import type { ContentFindings } from "../../core/model/findings.ts";
import type { LiveupdateTrust } from "../../core/model/source.ts";
import type { ByteSource } from "../archive/byte-source.ts";
import { readZip, ZipFault, type ZipMember, type ZipRead } from "../archive/zip.ts";
import { verifyPinnedCms } from "../signatures/pinned-cms.ts";
import { type Guard, type GuardedFile, readGuard } from "./guard.ts";

interface Input {
  /** Its path below the address; the ending says what it is. */
  readonly name: string;
  readonly source: ByteSource;
  readonly trust: LiveupdateTrust;
  readonly now: Instant;
  /** Bytes that it may unpack to. */
  readonly expandedBytes: number;
}

type Zip = Extract<ZipRead, { readonly kind: "zip" }>;

const PIECE_BYTES = 1024 * 1024;
const CONTRADICTIONS_MOST = 64;

const NOTHING: ContentFindings = {
  malformed: null,
  signatures: [],
  contradictions: [],
  version: null,
  builtAt: null,
  expandedBytes: null,
  expandedPastCap: false,
  notes: {},
};

/** Whether a package of this name is an archive that is looked into. All others are bytes that a digest binds. */
export function isArchiveName(name: string): boolean {
  return /\.(?:zip|jdb)$/i.test(name);
}

/**
 * Looks into a package: the guard inside, the signature over it, and that the guard lists every other member as it is.
 * A package carries scripts and programs; nothing in it is ever run.
 */
export async function inspectPackage(input: Input): Promise<ContentFindings> {
  const seen = { ...NOTHING, sha1: await sha1Of(input.source) };
  if (!isArchiveName(input.name)) return seen;
  const zip = await readZip(input.source, {
    members: LIMITS.archiveMembers,
    expandedBytes: Math.min(input.expandedBytes, LIMITS.archiveExpandedBytes),
    ratio: LIMITS.deflateRatio,
  });
  if (zip.kind === "past-cap") return { ...seen, expandedPastCap: true, expandedBytes: zip.expandedBytes };
  if (zip.kind === "malformed") return { ...seen, malformed: quoteOutside(zip.detail, 500) };
  const unpacked = { ...seen, expandedBytes: zip.members.reduce((sum, { size }) => sum + size, 0) };
  try {
    return { ...unpacked, ...(await insideOf(zip, input)) };
  } catch (cause) {
    if (!(cause instanceof ZipFault)) throw cause;
    if (cause.kind === "past-cap") return { ...unpacked, expandedPastCap: true };
    return { ...unpacked, malformed: quoteOutside(cause.message, 500) };
  }
}

async function insideOf(zip: Zip, { name, trust, now }: Input): Promise<Partial<ContentFindings>> {
  const pair = guardPair(zip.members);
  if (typeof pair === "string") return { malformed: pair };
  if (pair === null) {
    if (trust.innerGuard === "required") return { malformed: "it carries no guard over its own members" };
    // Its members are unpacked all the same: a damaged archive is none of the vendor's.
    for (const member of zip.members) for await (const _ of zip.content(member));
    return {};
  }
  const content = await textOf(zip, pair.guard);
  const signature = await textOf(zip, pair.signature);
  if (content === null || signature === null) return { malformed: "its guard or signature is too long" };
  const read = readGuard(content);
  const signedAt = "guard" in read ? read.guard.lastModified : null;
  const signatures = await verifyPinnedCms({ signature, content, over: name, trust, signedAt, now });
  if ("malformed" in read) return { signatures: [...signatures], malformed: read.malformed };
  const { guard } = read;
  const rest = zip.members.filter((member) => member !== pair.guard && member !== pair.signature && !member.directory);
  const contradictions = await compare(zip, rest, guard);
  return {
    signatures: [...signatures, ...weakness(guard, trust, name)],
    contradictions: contradictions.slice(0, CONTRADICTIONS_MOST),
    version: guard.lastModified === null ? null : Math.floor(guard.lastModified / 1_000),
    builtAt: guard.lastModified,
    // Escaping may lengthen it six times, and a note has room for 512 characters.
    notes: { files: rest.length, legal: quoteOutside(guard.legal, 200).slice(0, 512) },
  };
}

/** The guard and its signature: one of each at the top, under one stem. A second pair would be read by somebody else. */
function guardPair(
  members: readonly ZipMember[],
): { readonly guard: ZipMember; readonly signature: ZipMember } | null | string {
  const top = members.filter(({ name, directory }) => !directory && !name.includes("/"));
  const ending = (end: string): readonly ZipMember[] => top.filter(({ name }) => name.toLowerCase().endsWith(end));
  const [guards, signatures] = [ending(".grd"), ending(".sig")];
  const [guard, signature] = [guards[0], signatures[0]];
  if (guard === undefined && signature === undefined) return null;
  if (guard === undefined) return "it holds a signature without its guard";
  if (signature === undefined) return "it holds a guard without its signature";
  if (guards.length > 1 || signatures.length > 1) return "it holds more than one guard or signature";
  return stemOf(guard) === stemOf(signature)
    ? { guard, signature }
    : "its guard and its signature have different names";
}

function stemOf({ name }: ZipMember): string {
  return name.slice(0, -".grd".length).toLowerCase();
}

async function textOf(zip: Zip, member: ZipMember): Promise<Uint8Array | null> {
  if (member.size > LIMITS.guardTextBytes) return null;
  const pieces: Uint8Array[] = [];
  for await (const piece of zip.content(member)) pieces.push(piece);
  return Buffer.concat(pieces, member.size);
}

/** Both ways: a member that the guard does not list is signed by nobody, a listed one that is gone was taken out. */
async function compare(zip: Zip, members: readonly ZipMember[], guard: Guard): Promise<readonly string[]> {
  const listed = new Map(guard.files.map((file) => [plainKey(file.name), file]));
  const contradictions: string[] = [];
  for (const member of members) {
    const name = quoteOutside(member.name);
    const file = listed.get(plainKey(member.name));
    if (file === undefined) contradictions.push(`${name}: the guard does not list it`);
    else {
      listed.delete(plainKey(member.name));
      if (!(await agrees(zip, member, file))) contradictions.push(`${name}: its digest is not the guard's`);
    }
    if (contradictions.length >= CONTRADICTIONS_MOST) return contradictions;
  }
  for (const { name } of listed.values())
    contradictions.push(`${quoteOutside(name)}: the guard lists it, and it is not there`);
  return contradictions;
}

/** The systems that these packages are for tell neither case nor the two slashes apart. */
function plainKey(name: string): string {
  return name.toLowerCase().replaceAll("\\", "/");
}

async function agrees(zip: Zip, member: ZipMember, { sha1, sha256 }: GuardedFile): Promise<boolean> {
  const hashes: (readonly [Hash, string])[] = [];
  if (sha1 !== null) hashes.push([createHash("sha1"), sha1]);
  if (sha256 !== null) hashes.push([createHash("sha256"), sha256]);
  for await (const piece of zip.content(member)) for (const [hash] of hashes) hash.update(piece);
  return hashes.every(([hash, wanted]) => hash.digest("hex") === wanted);
}

/** A signature over SHA-1 digests signs no more than SHA-1 does. */
function weakness({ files }: Guard, trust: LiveupdateTrust, over: string): readonly SignatureFinding[] {
  const weak = files.find(({ sha256 }) => sha256 === null);
  if (weak === undefined || trust.profile === "legacy-sha1") return [];
  const detail = `its guard binds ${quoteOutside(weak.name)} by SHA-1 alone`;
  return [{ scheme: "x509-cms", over, status: "weak", signer: "", signedAt: null, detail }];
}

async function sha1Of(source: ByteSource): Promise<string> {
  const hash = createHash("sha1");
  for (let at = 0; at < source.size; at += PIECE_BYTES)
    hash.update(await source.read(at, Math.min(PIECE_BYTES, source.size - at)));
  return hash.digest("hex");
}
