import { quoteOutside, type Refusal, type RefusalCode, refuse } from "../kernel/errors.ts";
import { formatInstant, type Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import type { ListingFindings, SignatureFinding } from "../model/feed-listing.ts";
import type { SourceSpec } from "../model/source.ts";

/** Judges what was seen of the signatures over an index, as the source's trust asks for them. Pure. */
export function judgeIndexSignatures(
  { signatures, indexes = [] }: ListingFindings,
  { trust }: SourceSpec,
  now: Instant,
): Refusal | null {
  switch (trust.kind) {
    case "openpgp":
    case "minisign":
      return judgeThreshold(signatures, trust.threshold) ?? judgeSigningTime(signatures, now);
    case "liveupdate":
      return judgeEach(signatures, indexes) ?? judgeSigningTime(signatures, now);
    case "clamav":
    case "pinned":
    case "none":
      return null;
  }
}

function judgeThreshold(signatures: readonly SignatureFinding[], threshold: number): Refusal | null {
  if (signatures.length === 0) return refuse("feed.unsigned", "no signature over the index was found");
  // A key counts once, however often it signed: a threshold asks for people, not for signatures.
  const signers = new Set(signatures.filter((s) => s.status === "good").map((s) => s.signer));
  // A broken signature by a key that we trust is never outvoted: somebody changed what it covers.
  const broken = signatures.find((s) => s.status === "wrong" || s.status === "malformed" || s.status === "weak");
  if (broken !== undefined) return refuse("feed.signature-wrong", describe(broken));
  if (signers.size >= threshold) return null;
  const expired = signatures.find((s) => s.status === "expired");
  if (expired !== undefined) return refuse("feed.signature-expired", describe(expired));
  const stranger = signatures.find((s) => s.status === "unknown-key");
  if (stranger !== undefined) return refuse("feed.signer-unknown", describe(stranger));
  return refuse("feed.unsigned", `${signers.size} of ${threshold} demanded signatures`);
}

const CODES: readonly (readonly [SignatureFinding["status"], RefusalCode])[] = [
  ["wrong", "feed.signature-wrong"],
  ["malformed", "feed.signature-wrong"],
  ["weak", "feed.signature-wrong"],
  ["unknown-key", "feed.signer-unknown"],
  ["expired", "feed.signature-expired"],
];

/** Each index stands for itself: it has a good signature and no other. A second signer is one that was not asked for. */
function judgeEach(signatures: readonly SignatureFinding[], indexes: readonly string[]): Refusal | null {
  for (const [status, code] of CODES) {
    const bad = signatures.find((s) => s.status === status);
    if (bad !== undefined) return refuse(code, describe(bad));
  }
  const signed = new Set(signatures.map(({ over }) => over));
  const bare = indexes.find((path) => !signed.has(path));
  return bare === undefined ? null : refuse("feed.unsigned", `${quoteOutside(bare)}: no signature was found`);
}

function judgeSigningTime(signatures: readonly SignatureFinding[], now: Instant): Refusal | null {
  const early = signatures.find(
    (s) => s.status === "good" && s.signedAt !== null && s.signedAt > now + LIMITS.clockTolerance,
  );
  if (early === undefined) return null;
  return refuse(
    "feed.from-the-future",
    `signed ${formatInstant(early.signedAt ?? 0)}, our clock says ${formatInstant(now)}`,
  );
}

function describe({ scheme, over, status, signer, detail }: SignatureFinding): string {
  return `${quoteOutside(over)}: ${scheme} signature ${status}, signer ${quoteOutside(signer) || "unknown"}${detail === "" ? "" : ` (${quoteOutside(detail)})`}`;
}
