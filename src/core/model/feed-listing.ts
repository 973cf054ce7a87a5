import * as z from "zod";
import { LIMITS } from "../kernel/limits.ts";

/**
 * One file that a feed names. Names here come from outside and are not yet safe: `judgeFeed` refuses the feed when one
 * is not. Times are milliseconds since 1970, sizes bytes.
 */
export const listedArtifact = z.strictObject({
  /** Its path in the revision, as the vendor writes it. */
  path: z.string().max(LIMITS.pathLength * 4),
  /** Bytes, where the feed says. */
  size: z.int().nonnegative().nullable(),
  digests: z.strictObject({
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    sha512: z
      .string()
      .regex(/^[0-9a-f]{128}$/)
      .optional(),
    /** Binds only under a legacy profile, and only what is inspected: inspection then reports what it saw. */
    sha1: z
      .string()
      .regex(/^[0-9a-f]{40}$/)
      .optional(),
  }),
  /**
   * The series that this file moves with, and the version that the feed says it has: held under the same path at the
   * same version, it is not asked for again.
   */
  series: z.string().max(256).nullable(),
  version: z.int().nonnegative().nullable(),
  /** When it may be absent upstream without harm to clients. */
  optional: z.boolean(),
  /** Its path names one content for ever: what we hold under it need not be asked for again. */
  immutable: z.boolean(),
  /** The path of the detached signature that comes before it and is inspected with it; listed as an artifact too. */
  companion: z
    .string()
    .max(LIMITS.pathLength * 4)
    .nullable(),
  /** Its content must be inspected before it can be judged; otherwise its digest says all. */
  inspect: z.boolean(),
  /** Its whole content in base64, where the format itself says what that is: such a file is not fetched. */
  made: z.base64().max(4_096).optional(),
});

/** A series that only moves forward: ClamAV's `daily` at 27000, a signed list at its signing time. */
export const series = z.strictObject({ name: z.string().max(256), version: z.number().nonnegative() });

/** One reading of the vendor's index. */
export const feedListing = z.strictObject({
  artifacts: z.array(listedArtifact).max(LIMITS.feedNames),
  series: z.array(series).max(8_192),
});

/** What was seen of one signature. `good`: it verifies, by a trusted key. Facts, never a verdict. */
export const signatureFinding = z.strictObject({
  scheme: z.enum(["openpgp", "minisign", "cvd-rsa", "cvd-info-rsa-pss", "cdiff-rsa-pss", "x509-cms"]),
  /** Which file it covers. */
  over: z.string().max(LIMITS.pathLength * 4),
  status: z.enum(["good", "wrong", "unknown-key", "expired", "malformed", "weak"]),
  /** The signer as the scheme names it: key id, fingerprint, certificate subject. */
  signer: z.string().max(512),
  /** When the signer says that it was made. */
  signedAt: z.int().nullable(),
  detail: z.string().max(1_024),
});

/** A fact about the index that judging needs beside its names. */
export const listingFindings = z.strictObject({
  /** Whether the format's index itself is meant to be signed: for `clamav` each file carries its own signature. */
  signatures: z.array(signatureFinding).max(4_096),
  /** Why the index could not be read, with the place; `null` when it could. */
  malformed: z.string().max(1_024).nullable(),
  /** Index files that must each carry a good signature, by path. */
  indexes: z
    .array(z.string().max(LIMITS.pathLength * 4))
    .max(4_096)
    .default([]),
  /** Where the index says otherwise than what signs it, or than the name that it stands under. */
  contradictions: z.array(z.string().max(1_024)).max(64).default([]),
  /** Whether an index, or a file that it names, is bound by SHA-1 alone. */
  weak: z.boolean().default(false),
  /** Files seen at the upstream that no verified index names. */
  orphans: z.int().nonnegative().default(0),
});

export type ListedArtifact = z.infer<typeof listedArtifact>;
export type FeedListing = z.infer<typeof feedListing>;
/** What a format reports; what it leaves out is empty. */
export type ListingFindings = z.input<typeof listingFindings>;
export type SignatureFinding = z.infer<typeof signatureFinding>;
export type Series = z.infer<typeof series>;
