import { quoteOutside, type Refusal, refuse } from "../kernel/errors.ts";
import { matchesGlob } from "../kernel/glob.ts";
import { formatInstant, type Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import { collisionKey, pathFault, type SafePath } from "../kernel/safe-path.ts";
import type { FeedListing, ListedArtifact, ListingFindings, Series, SignatureFinding } from "../model/feed-listing.ts";
import type { Revision } from "../model/revision.ts";
import type { SourceSpec } from "../model/source.ts";
import { carriedOver, guardSeries } from "./guard-series.ts";
import { judgeIndexSignatures } from "./judge-index-signatures.ts";
import { judgeListedSizes } from "./run-budget.ts";

/** An artifact of an accepted feed: its name is safe, and no other name of the feed collides with it. */
export type WantedArtifact = ListedArtifact & { readonly path: SafePath };

/** A feed that may be acted on: what it names and the selection wants. */
export interface AcceptedFeed {
  readonly kind: "accepted-feed";
  readonly artifacts: readonly WantedArtifact[];
  readonly series: readonly Series[];
  /** Who vouches for it: the signers, "pinned", "none". */
  readonly vouchedBy: string;
}

/**
 * Judges one reading of a vendor's index: readable, signed by enough of the trusted keys, not older than what we hold,
 * without a name that could escape or hide, within budget. Pure.
 */
export function judgeFeed(
  listing: FeedListing,
  findings: ListingFindings,
  spec: SourceSpec,
  last: Revision | null,
  now: Instant,
): AcceptedFeed | Refusal {
  if (findings.malformed !== null) return judgeMalformed(findings, spec, now);
  if (listing.artifacts.length > LIMITS.feedNames)
    return refuse("feed.too-many-names", `${listing.artifacts.length} names`);
  const refusal =
    judgeIndexSignatures(findings, spec, now) ??
    judgeSense(findings, listing, spec) ??
    judgeGuardDates(listing.series, findings, now) ??
    judgeAge(listing.series, findings, spec, last);
  if (refusal !== null) return refusal;
  const wanted = wantedOf(listing.artifacts, spec.selection);
  if (wanted.length === 0) return refuse("feed.empty", `none of ${listing.artifacts.length} names is selected`);
  const named = judgeNames(wanted) ?? judgeListedSizes(wanted, spec.budget, last);
  if (named !== null) return named;
  return {
    kind: "accepted-feed",
    artifacts: wanted as WantedArtifact[],
    series: seriesOf(listing, wanted, spec, last),
    vouchedBy: vouchers(findings.signatures, spec),
  };
}

/** Junk in the place of a signed list is first of all a list that was tampered with. */
function judgeMalformed(findings: ListingFindings, spec: SourceSpec, now: Instant): Refusal {
  const refusal = judgeIndexSignatures(findings, spec, now);
  if (refusal?.code === "feed.signature-wrong") return refusal;
  return refuse("feed.malformed", quoteOutside(findings.malformed ?? "", 500));
}

/** What the selection takes. A detached signature goes with its file: without it, nothing would bind its bytes. */
function wantedOf(artifacts: readonly ListedArtifact[], selection: SourceSpec["selection"]): readonly ListedArtifact[] {
  const taken = artifacts.filter((artifact) => selected(artifact.path, selection));
  const signatures = new Set(artifacts.map(({ companion }) => companion));
  const ofTaken = new Set(taken.map(({ companion }) => companion));
  return taken.filter(({ path }) => !signatures.has(path) || ofTaken.has(path));
}

/**
 * The series that the next reading will be held to. That of a file which the selection leaves out was proven by nobody:
 * one forged version, remembered, would have every true index refused as older.
 */
function heldTo({ artifacts, series }: FeedListing, wanted: readonly ListedArtifact[]): readonly Series[] {
  const ofFiles = new Set(artifacts.map((artifact) => artifact.series));
  const ofWanted = new Set(wanted.map((artifact) => artifact.series));
  return series.filter(({ name }) => !ofFiles.has(name) || ofWanted.has(name));
}

function seriesOf(
  listing: FeedListing,
  wanted: readonly ListedArtifact[],
  { trust }: SourceSpec,
  last: Revision | null,
): readonly Series[] {
  const held = heldTo(listing, wanted);
  // One source reads many indexes there, and any of them may be kept from us for a while.
  return trust.kind === "liveupdate" ? carriedOver(held, last?.series ?? []) : held;
}

function selected(path: string, { include, exclude }: SourceSpec["selection"]): boolean {
  return (
    include.some((pattern) => matchesGlob(pattern, path)) && !exclude.some((pattern) => matchesGlob(pattern, path))
  );
}

/** Under LiveUpdate the index text says what its guard says, stands under its own name, and is bound by more than SHA-1. */
function judgeSense(
  { contradictions = [], weak }: ListingFindings,
  listing: FeedListing,
  spec: SourceSpec,
): Refusal | null {
  const [contradiction] = contradictions;
  if (contradiction !== undefined) return refuse("feed.contradicts-itself", quoteOutside(contradiction, 500));
  const { trust } = spec;
  if (trust.kind !== "liveupdate" || trust.profile === "legacy-sha1") return null;
  const bySha1 = listing.artifacts.find(
    ({ digests: { sha1, sha256, sha512 } }) => sha1 !== undefined && sha256 === undefined && sha512 === undefined,
  );
  if (bySha1 !== undefined) return refuse("feed.digest-weak", `${quoteOutside(bySha1.path)} is bound by SHA-1 alone`);
  return weak === true ? refuse("feed.digest-weak", "an index text is bound by SHA-1 alone") : null;
}

/** A guard's date that lies ahead would, once held, have every true one refused as older. */
function judgeGuardDates(series: readonly Series[], { indexes = [] }: ListingFindings, now: Instant): Refusal | null {
  const names = new Set(indexes.map(guardSeries));
  const early = series.find(({ name, version }) => names.has(name) && version * 1_000 > now + LIMITS.clockTolerance);
  if (early === undefined) return null;
  return refuse("feed.from-the-future", `${quoteOutside(early.name)} is of ${formatInstant(early.version * 1_000)}`);
}

/** TUF calls both a rollback attack: an old but validly signed index, and a vendor that went back. */
function judgeAge(
  series: readonly Series[],
  { indexes = [] }: ListingFindings,
  { trust }: SourceSpec,
  last: Revision | null,
): Refusal | null {
  // A signed list that has no time of its own would slip past every comparison, once one with a time was held.
  const timed = trust.kind === "openpgp" || trust.kind === "minisign";
  if (timed && series.length === 0 && last !== null && last.series.length > 0) {
    return refuse("feed.older-than-held", "the signature carries no time, and that of what we hold does");
  }
  const said = new Set(series.map(({ name }) => name));
  const undated = indexes.find(
    (path) => !said.has(guardSeries(path)) && last?.series.some(({ name }) => name === guardSeries(path)),
  );
  if (undated !== undefined)
    return refuse(
      "feed.older-than-held",
      `${quoteOutside(undated)}: its guard has no date, and that of what we hold has`,
    );
  for (const { name, version } of series) {
    const held = last?.series.find((s) => s.name === name);
    if (held !== undefined && version < held.version) {
      return refuse("feed.older-than-held", `${quoteOutside(name)} is at ${version}, we hold ${held.version}`);
    }
  }
  return null;
}

function judgeNames(artifacts: readonly ListedArtifact[]): Refusal | null {
  const byKey = new Map<string, string>();
  for (const { path } of artifacts) {
    const fault = pathFault(path);
    if (fault !== null) return refuse("feed.unsafe-name", `"${quoteOutside(path)}": ${fault}`);
    const key = collisionKey(path);
    const other = byKey.get(key);
    if (other === path) return refuse("feed.duplicate-name", `"${quoteOutside(path)}" is listed twice`);
    if (other !== undefined)
      return refuse("feed.name-collision", `"${quoteOutside(other)}" and "${quoteOutside(path)}"`);
    byKey.set(key, path);
  }
  // A name that is a file here and a folder there can't stand in one tree.
  for (const [key, path] of byKey) {
    for (let slash = key.indexOf("/"); slash !== -1; slash = key.indexOf("/", slash + 1)) {
      const file = byKey.get(key.slice(0, slash));
      if (file !== undefined)
        return refuse(
          "feed.name-collision",
          `"${quoteOutside(file)}" is a file, and the folder of "${quoteOutside(path)}"`,
        );
    }
  }
  return null;
}

function vouchers(signatures: readonly SignatureFinding[], { trust }: SourceSpec): string {
  switch (trust.kind) {
    case "clamav":
      return "ClamAV production key";
    case "liveupdate":
    case "openpgp":
    case "minisign":
      return [...new Set(signatures.filter((s) => s.status === "good").map((s) => `${trust.kind} ${s.signer}`))]
        .toSorted()
        .join(", ")
        .slice(0, 1_000);
    case "pinned":
      return "pinned";
    case "none":
      return "none";
  }
}
