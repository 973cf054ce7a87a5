import { createHash } from "node:crypto";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { HOUR, type Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { type LiveupdateTrust, liveupdateDialect } from "../../core/model/source.ts";
import { bytesSource } from "../../formats/archive/byte-source.ts";
import { readZip } from "../../formats/archive/zip.ts";
import type { IndexedPackage } from "../../formats/liveupdate/dialect.ts";
import { readGuard } from "../../formats/liveupdate/guard.ts";
import { type Identity, indexName, isIndexName, isSideFileName } from "../../formats/liveupdate/names.ts";
import { type IndexReading, readIndex } from "../../formats/liveupdate/read-index.ts";
import { UsageError } from "../report.ts";
import { type HeldPackage, markOf, type ReleaseInput } from "./liveupdate-release.ts";
import type { Tree } from "./tree.ts";

/** Bytes of one package: it is made and read in memory, which takes some five times as much. */
export const MOST_PACKAGE_BYTES = 512 * 1024 * 1024;

/** What a tree holds of one product, as its own signed index says; `null` where it has none yet. */
export interface HeldProduct {
  readonly packages: readonly IndexedPackage[];
  readonly guardedAt: Instant;
  /** The highest sequence. */
  readonly highest: number;
}

/** Reads a product's index with the key that shall sign the next. Throws `UsageError` where that key did not sign it. */
export async function heldProduct(
  tree: Tree,
  identity: Identity,
  trust: LiveupdateTrust,
  now: Instant,
): Promise<HeldProduct | null> {
  const name = indexName(identity);
  const reading = await ownIndex(tree, name, trust, now);
  if (reading === null) return null;
  if (typeof reading === "string")
    throw new UsageError(
      `the tree's ${quoteOutside(name)} is not this key's work (${reading}): use its key, or another tree`,
    );
  const { packages, guard } = reading;
  const highest = Math.max(0, ...packages.map(({ sequence }) => sequence ?? 0));
  return { packages, guardedAt: guard?.lastModified ?? 0, highest };
}

/** An index of the tree when this key vouches for it, or why it does not. */
async function ownIndex(
  tree: Tree,
  name: string,
  trust: LiveupdateTrust,
  now: Instant,
): Promise<IndexReading | string | null> {
  const bytes = await tree.read(name, LIMITS.indexBytes);
  if (bytes === null) return null;
  const reading = await readIndex({ name, bytes, trust, dialect: liveupdateDialect.parse({}), now });
  if (reading.malformed !== null) return quoteOutside(reading.malformed);
  const bad = reading.signatures.find(({ status }) => status !== "good");
  if (bad !== undefined || reading.signatures.length === 0) return bad?.status ?? "unsigned";
  return reading.contradictions[0] === undefined ? reading : quoteOutside(reading.contradictions[0]);
}

/** The bytes of packages that the index names. Throws `store.damaged` when the tree no longer holds them as they were signed. */
export async function heldPackages(tree: Tree, packages: readonly IndexedPackage[]): Promise<readonly HeldPackage[]> {
  const held: HeldPackage[] = [];
  for (const entry of packages) {
    const bytes = await tree.read(entry.file, MOST_PACKAGE_BYTES);
    if (bytes === null || createHash("sha256").update(bytes).digest("hex") !== entry.sha256)
      throw new Failure("store.damaged", `${quoteOutside(entry.file)} in the tree is not what its index names`);
    held.push({ entry, bytes });
  }
  return held;
}

/** The files of the newest full package, from its own guard and its directory. */
export async function filesBefore(held: readonly HeldPackage[]): Promise<ReleaseInput["before"]> {
  const [newest] = held
    .filter(({ entry }) => entry.from === null)
    .toSorted((a, b) => (b.entry.sequence ?? 0) - (a.entry.sequence ?? 0));
  if (newest === undefined || newest.entry.sequence === null) return null;
  const caps = {
    members: LIMITS.archiveMembers,
    expandedBytes: LIMITS.archiveExpandedBytes,
    ratio: LIMITS.deflateRatio,
  };
  const zip = await readZip(bytesSource(newest.bytes), caps);
  const member = zip.kind === "zip" ? zip.members.find(({ name }) => name === "v.grd") : undefined;
  if (zip.kind !== "zip" || member === undefined || member.size > LIMITS.indexBytes) return null;
  const pieces: Uint8Array[] = [];
  for await (const piece of zip.content(member)) pieces.push(piece);
  const read = readGuard(Buffer.concat(pieces));
  if (!("guard" in read)) return null;
  const programs = new Set(zip.members.filter(({ executable }) => executable).map(({ name }) => name));
  const marks = new Map(
    read.guard.files.map(({ name, sha256 }) => [name, markOf(sha256 ?? "", programs.has(name))] as const),
  );
  return { sequence: newest.entry.sequence, marks };
}

/** A package that no index names any more stays so long, for readers that are still at the index before it. */
const GRACE = HOUR;

/**
 * Packages that no index of the tree names, and that were written or let go longer ago than the grace. Where one index cannot be read with this key
 * nothing is old: it may name anything.
 */
export async function forgottenPackages(tree: Tree, trust: LiveupdateTrust, now: Instant): Promise<readonly string[]> {
  const names = await tree.names();
  const named = new Set<string>();
  for (const { name } of names.filter((entry) => isIndexName(entry.name))) {
    const reading = await ownIndex(tree, name, trust, now);
    if (reading === null || typeof reading === "string") return [];
    for (const { file } of reading.packages) named.add(file);
  }
  return names
    .filter(({ name, writtenAt }) => isSideFileName(name) && !named.has(name) && writtenAt + GRACE < now)
    .map(({ name }) => name);
}
