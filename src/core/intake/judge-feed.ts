import { quoteOutside, type Refusal, refuse } from "../kernel/errors.ts";
import { matchesGlob } from "../kernel/glob.ts";
import { formatInstant, type Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import { collisionKey, pathFault, type SafePath } from "../kernel/safe-path.ts";
import type { FeedListing, ListedArtifact, ListingFindings, Series, SignatureFinding } from "../model/feed-listing.ts";
import type { Revision } from "../model/revision.ts";
import type { SourceSpec } from "../model/source.ts";
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
  const refusal = judgeSignatures(findings.signatures, spec, now) ?? judgeAge(listing.series, spec, last);
  if (refusal !== null) return refusal;
  const wanted = wantedOf(listing.artifacts, spec.selection);
  if (wanted.length === 0) return refuse("feed.empty", `none of ${listing.artifacts.length} names is selected`);
  const named = judgeNames(wanted) ?? judgeListedSizes(wanted, spec.budget, last);
  if (named !== null) return named;
  return {
    kind: "accepted-feed",
    artifacts: wanted as WantedArtifact[],
    series: heldTo(listing, wanted),
    vouchedBy: vouchers(findings.signatures, spec),
  };
}

/** Junk in the place of a signed list is first of all a list that was tampered with. */
function judgeMalformed({ malformed, signatures }: ListingFindings, spec: SourceSpec, now: Instant): Refusal {
  const refusal = judgeSignatures(signatures, spec, now);
  if (refusal?.code === "feed.signature-wrong") return refusal;
  return refuse("feed.malformed", quoteOutside(malformed ?? "", 500));
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

function selected(path: string, { include, exclude }: SourceSpec["selection"]): boolean {
  return (
    include.some((pattern) => matchesGlob(pattern, path)) && !exclude.some((pattern) => matchesGlob(pattern, path))
  );
}

function judgeSignatures(signatures: readonly SignatureFinding[], spec: SourceSpec, now: Instant): Refusal | null {
  const { trust } = spec;
  if (trust.kind !== "openpgp" && trust.kind !== "minisign") return null;
  if (signatures.length === 0) return refuse("feed.unsigned", "no signature over the index was found");
  // A key counts once, however often it signed: a threshold asks for people, not for signatures.
  const signers = new Set(signatures.filter((s) => s.status === "good").map((s) => s.signer));
  // A broken signature by a key that we trust is never outvoted: somebody changed what it covers.
  const broken = signatures.find((s) => s.status === "wrong" || s.status === "malformed" || s.status === "weak");
  if (broken !== undefined) return refuse("feed.signature-wrong", describe(broken));
  if (signers.size < trust.threshold) {
    const expired = signatures.find((s) => s.status === "expired");
    if (expired !== undefined) return refuse("feed.signature-expired", describe(expired));
    const stranger = signatures.find((s) => s.status === "unknown-key");
    if (stranger !== undefined) return refuse("feed.signer-unknown", describe(stranger));
    return refuse("feed.unsigned", `${signers.size} of ${trust.threshold} demanded signatures`);
  }
  const early = signatures.find(
    (s) => s.status === "good" && s.signedAt !== null && s.signedAt > now + LIMITS.clockTolerance,
  );
  if (early !== undefined)
    return refuse(
      "feed.from-the-future",
      `signed ${formatInstant(early.signedAt ?? 0)}, our clock says ${formatInstant(now)}`,
    );
  return null;
}

function describe({ scheme, over, status, signer, detail }: SignatureFinding): string {
  return `${quoteOutside(over)}: ${scheme} signature ${status}, signer ${quoteOutside(signer) || "unknown"}${detail === "" ? "" : ` (${quoteOutside(detail)})`}`;
}

/** TUF calls both a rollback attack: an old but validly signed index, and a vendor that went back. */
function judgeAge(series: readonly Series[], { trust }: SourceSpec, last: Revision | null): Refusal | null {
  // A signed list that has no time of its own would slip past every comparison, once one with a time was held.
  const timed = trust.kind === "openpgp" || trust.kind === "minisign";
  if (timed && series.length === 0 && last !== null && last.series.length > 0) {
    return refuse("feed.older-than-held", "the signature carries no time, and that of what we hold does");
  }
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
