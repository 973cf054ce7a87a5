import { guardSeries } from "../../../core/intake/guard-series.ts";
import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { ListedArtifact, SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { LiveupdateFeed } from "../../../core/model/source.ts";
import type { IndexedPackage } from "../../../formats/liveupdate/dialect.ts";
import { isSideFileName, matchesPattern } from "../../../formats/liveupdate/names.ts";
import type { IndexReading } from "../../../formats/liveupdate/read-index.ts";
import { isArchiveName } from "../../../formats/liveupdate/read-package.ts";
import { bareArtifact } from "../../listed-artifact.ts";

/** What the indexes read so far say. */
export interface Gathered {
  readonly signatures: SignatureFinding[];
  readonly contradictions: string[];
  /** By path: one package may stand in several indexes. */
  readonly artifacts: Map<string, ListedArtifact>;
  readonly series: Map<string, number>;
  readonly named: Set<string>;
  /** Which index speaks for a product. */
  readonly speakers: Map<string, string>;
  weak: boolean;
}

export function nothingGathered(): Gathered {
  return {
    signatures: [],
    contradictions: [],
    artifacts: new Map(),
    series: new Map(),
    named: new Set(),
    speakers: new Map(),
    weak: false,
  };
}

/** Takes over what one index says; answers whether anything of it is selected. */
export function gather(all: Gathered, path: string, reading: IndexReading, feed: LiveupdateFeed): boolean {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  all.contradictions.push(...reading.contradictions.map((text) => `${quoteOutside(path)}: ${text}`.slice(0, 1_024)));
  // Without a package nothing in it says whose it is: another product's empty index would stand here as well.
  if (reading.packages.length === 0 && feed.dialect !== "opaque")
    all.contradictions.push(`${quoteOutside(path)}: it describes no package, so that nothing binds it to its name`);
  const other = reading.packages.find(({ identity }) => speakerOf(all, path, identity) !== path);
  // Beside the newest, an old one under another spelling of the name would not be seen to be old.
  if (other !== undefined)
    all.contradictions.push(
      `${quoteOutside(path)}: another index speaks for ${quoteOutside(productSeries(other.identity))}`,
    );
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
  // Where no sequence tells, the date goes with the product, too: its old index may be shown in another folder.
  if (date === null || feed.index.kind === "full") return true;
  for (const { identity } of selected)
    if (identity.product !== "" && !all.series.has(productSeries(identity)))
      raise(all.series, `date of ${productSeries(identity)}`, Math.floor(date / 1_000));
  return true;
}

function speakerOf({ speakers }: Gathered, path: string, identity: IndexedPackage["identity"]): string {
  const product = productSeries(identity);
  // Read without a dialect, an index speaks for nobody.
  const speaker = identity.product === "" ? path : (speakers.get(product) ?? path);
  speakers.set(product, speaker);
  return speaker;
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
  const languages = select.language.map((pattern) => (pattern.toLowerCase() === "all" ? "*" : pattern));
  return matchesAny(select.product, product) && matchesAny(select.version, version) && matchesAny(languages, language);
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, text));
}

/** Only what leads to the newest sequence of its product and content: the full package, and the deltas that end there. */
function newest(packages: readonly IndexedPackage[]): readonly IndexedPackage[] {
  const highest = new Map<string, number>();
  for (const each of packages) if (each.sequence !== null) raise(highest, contentOf(each), each.sequence);
  return packages.filter((each) => each.sequence === null || each.sequence === highest.get(contentOf(each)));
}

/** Sequences of different contents of a product are not to be compared. */
function contentOf({ identity, item }: IndexedPackage): string {
  return JSON.stringify([productSeries(identity), item.toLowerCase()]);
}

function raise(highest: Map<string, number>, name: string, to: number): void {
  highest.set(name, Math.max(highest.get(name) ?? 0, to));
}

function productSeries({ product, version, language }: IndexedPackage["identity"]): string {
  return `${product} ${version} ${language}`.toLowerCase();
}
