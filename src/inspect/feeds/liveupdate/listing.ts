import { guardSeries } from "../../../core/intake/guard-series.ts";
import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { Instant } from "../../../core/kernel/instant.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { ListedArtifact, Series, SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { LiveupdateFeed, LiveupdateTrust } from "../../../core/model/source.ts";
import { FLAG_CONTENT, FLAG_NAME } from "../../../formats/liveupdate/names.ts";
import { readIndex } from "../../../formats/liveupdate/read-index.ts";
import type { QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { bareArtifact, readArtifact, unreadable } from "../../listed-artifact.ts";
import { gather, nothingGathered } from "./gather.ts";

interface Input {
  readonly feed: LiveupdateFeed;
  readonly trust: LiveupdateTrust;
  readonly now: Instant;
  readonly quarantine: QuarantineReader;
  readonly indexes: readonly QuarantinedFile[];
  readonly seen: readonly string[];
}

/** Reads every index at hand and lists what a mirror of them carries: packages first, then the indexes that call for them. */
export async function listIndexes(input: Input): Promise<Reading> {
  const { feed, indexes, seen } = input;
  const all = nothingGathered();
  const containers: ListedArtifact[] = [];
  for (const file of indexes) {
    const bytes = await input.quarantine.read(file, LIMITS.indexBytes);
    const reading = await readIndex({ ...input, name: file.path, bytes, dialect: feed.dialect });
    all.signatures.push(...reading.signatures);
    const place = quoteOutside(file.path);
    if (reading.malformed !== null) return unreadable(`${place}: ${reading.malformed}`, all.signatures.slice(-4_096));
    // One that nobody vouches for is the end: what stands in the others changes nothing, and costs time.
    if (reading.signatures.some(({ status }) => status !== "good")) return unvouched(all.signatures.slice(-4_096));
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

function unvouched(signatures: readonly SignatureFinding[]): Reading {
  return {
    kind: "listing",
    listing: { artifacts: [], series: [] },
    findings: { signatures: [...signatures], malformed: null },
  };
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
