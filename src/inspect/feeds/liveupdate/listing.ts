import { guardSeries } from "../../../core/intake/guard-series.ts";
import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { Instant } from "../../../core/kernel/instant.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { ListedArtifact, Series, SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { LiveupdateFeed, LiveupdateTrust } from "../../../core/model/source.ts";
import type { IndexedPackage } from "../../../formats/liveupdate/dialect.ts";
import { FLAG_CONTENT, FLAG_NAME, isSideFileName, matchesPattern } from "../../../formats/liveupdate/names.ts";
import { type IndexReading, readIndex } from "../../../formats/liveupdate/read-index.ts";
import { isArchiveName } from "../../../formats/liveupdate/read-package.ts";
import type { QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { bareArtifact, readArtifact, unreadable } from "../../listed-artifact.ts";

interface Input {
  readonly feed: LiveupdateFeed;
  readonly trust: LiveupdateTrust;
  readonly now: Instant;
  readonly quarantine: QuarantineReader;
  readonly indexes: readonly QuarantinedFile[];
  readonly seen: readonly string[];
}

/** What the indexes read so far say. */
interface Gathered {
  readonly signatures: SignatureFinding[];
  readonly contradictions: string[];
  /** By path: one package may stand in several indexes. */
  readonly artifacts: Map<string, ListedArtifact>;
  readonly series: Map<string, number>;
  readonly named: Set<string>;
  weak: boolean;
}

/** Reads every index at hand and lists what a mirror of them carries: packages first, then the indexes that call for them. */
export async function listIndexes(input: Input): Promise<Reading> {
  const { feed, indexes, seen } = input;
  const all: Gathered = {
    signatures: [],
    contradictions: [],
    artifacts: new Map(),
    series: new Map(),
    named: new Set(),
    weak: false,
  };
  const containers: ListedArtifact[] = [];
  for (const file of indexes) {
    const bytes = await input.quarantine.read(file, LIMITS.indexBytes);
    const reading = await readIndex({ ...input, name: file.path, bytes, dialect: feed.dialect });
    all.signatures.push(...reading.signatures);
    const place = quoteOutside(file.path);
    if (reading.malformed !== null) return unreadable(`${place}: ${reading.malformed}`, all.signatures.slice(-4_096));
    if (gather(all, file.path, reading, feed)) containers.push(readArtifact(file.path, bytes));
    if (all.named.size > LIMITS.feedNames || all.series.size > LIMITS.liveupdateIndexes * 2)
      return unreadable(`${place}: the indexes name too many files or products`, all.signatures.slice(-4_096));
  }
  if (all.signatures.length > 4_096) return unreadable("the indexes carry too many signatures");
  const artifacts = [...all.artifacts.values(), ...containers, ...extras(feed)];
  // An upstream that has none of the indexes has no flag either.
  const flag = containers.length > 0 && feed.index.kind !== "full" ? [FLAG] : [];
  const orphans = seen.filter((path) => !all.named.has(path)).length;
  return {
    kind: "listing",
    listing: { artifacts: [...artifacts, ...flag], series: seriesOf(all.series) },
    findings: {
      signatures: all.signatures,
      malformed: null,
      indexes: indexes.map(({ path }) => path),
      contradictions: all.contradictions.slice(0, 64),
      weak: all.weak,
      orphans,
    },
  };
}

/** Takes over what one index says; answers whether anything of it is selected. */
function gather(all: Gathered, path: string, reading: IndexReading, feed: LiveupdateFeed): boolean {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  all.contradictions.push(...reading.contradictions.map((text) => `${quoteOutside(path)}: ${text}`.slice(0, 1_024)));
  // Without a package nothing in it says whose it is: another product's empty index would stand here as well.
  if (reading.packages.length === 0 && feed.dialect !== "opaque")
    all.contradictions.push(`${quoteOutside(path)}: it describes no package, so that nothing binds it to its name`);
  // Of an index that the selection leaves out, too: it has been verified as the others.
  const date = reading.guard?.lastModified ?? null;
  if (date !== null) raise(all.series, guardSeries(path), Math.floor(date / 1_000));
  for (const { file } of reading.packages) all.named.add(folder + file);
  const selected = reading.packages.filter(({ identity }) => isSelected(identity, feed.select));
  const wanted = feed.updates === "all" ? selected : newest(selected);
  for (const each of wanted) addPackage(all, folder, each);
  if (selected.length === 0 && reading.packages.length > 0) return false;
  all.weak ||= reading.weak;
  // An older index or package set, truly signed, is replayed: both its sequence and its guard's date tell.
  for (const { identity, sequence } of selected)
    if (sequence !== null) raise(all.series, productSeries(identity), sequence);
  return true;
}

function addPackage(all: Gathered, folder: string, each: IndexedPackage): void {
  const artifact = packageArtifact(folder, each);
  const other = all.artifacts.get(artifact.path);
  if (other === undefined) all.artifacts.set(artifact.path, artifact);
  else if (JSON.stringify(other) !== JSON.stringify(artifact))
    all.contradictions.push(`${quoteOutside(artifact.path)}: it is named twice, with another size or digest`);
}

function packageArtifact(folder: string, { file, size, sha1, sha256 }: IndexedPackage): ListedArtifact {
  const digests = sha256 !== null ? { sha256 } : sha1 !== null ? { sha1 } : {};
  return {
    ...bareArtifact(folder + file, digests, size),
    // Held under its name it is kept; a SHA-1 alone is not remembered, so there the name must hold the time of its making.
    immutable: sha256 !== null || (sha1 !== null && isSideFileName(file)),
    inspect: sha256 === null || isArchiveName(file),
  };
}

function isSelected(
  { product, version, language }: IndexedPackage["identity"],
  select: LiveupdateFeed["select"],
): boolean {
  const any = (patterns: readonly string[], text: string): boolean =>
    patterns.some((pattern) => matchesPattern(pattern, text));
  const languages = select.language.map((pattern) => (pattern.toLowerCase() === "all" ? "*" : pattern));
  return any(select.product, product) && any(select.version, version) && any(languages, language);
}

/** Only what leads to the newest sequence of its product and content: the full package, and the deltas that end there. */
function newest(packages: readonly IndexedPackage[]): readonly IndexedPackage[] {
  const key = ({ identity, item }: IndexedPackage): string =>
    JSON.stringify([productSeries(identity), item.toLowerCase()]);
  const highest = new Map<string, number>();
  for (const each of packages) if (each.sequence !== null) raise(highest, key(each), each.sequence);
  return packages.filter((each) => each.sequence === null || each.sequence === highest.get(key(each)));
}

function raise(highest: Map<string, number>, name: string, to: number): void {
  highest.set(name, Math.max(highest.get(name) ?? 0, to));
}

function productSeries({ product, version, language }: IndexedPackage["identity"]): string {
  return `${product} ${version} ${language}`.toLowerCase();
}

function seriesOf(highest: ReadonlyMap<string, number>): Series[] {
  return [...highest].map(([name, version]) => ({ name, version })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Files that no index names carry their own guard, whose date is their version; it is known when they have come. */
function extras(feed: LiveupdateFeed): readonly ListedArtifact[] {
  return feed.extras.map((path) => ({ ...bareArtifact(path, {}), series: guardSeries(path), inspect: true }));
}

/** One space, by which clients know that there is an index for each product. */
const FLAG: ListedArtifact = {
  ...readArtifact(FLAG_NAME, Buffer.from(FLAG_CONTENT)),
  made: Buffer.from(FLAG_CONTENT).toString("base64"),
};
