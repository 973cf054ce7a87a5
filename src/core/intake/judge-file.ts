import type { Sha256 } from "../kernel/digest.ts";
import { quoteOutside, type Refusal, refuse } from "../kernel/errors.ts";
import { formatInstant, type Instant } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import { type SafePath, safePath } from "../kernel/safe-path.ts";
import type { ListedArtifact, Series, SignatureFinding } from "../model/feed-listing.ts";
import type { FileFindings } from "../model/findings.ts";
import type { Trust } from "../model/source.ts";

declare const acceptedBrand: unique symbol;

/**
 * A file that may become a blob. Only this module makes one: the compiler refuses a road around the gate, and the
 * store admits nothing else.
 */
export interface Accepted {
  readonly [acceptedBrand]: true;
  readonly kind: "accepted";
  readonly path: SafePath;
  /** Its name inside the quarantine folder. */
  readonly file: string;
  readonly sha256: Sha256;
  readonly size: number;
  readonly builtAt: Instant | null;
}

/** A file in quarantine with everything known of it. */
export interface Candidate {
  readonly artifact: ListedArtifact;
  readonly file: string;
  readonly findings: FileFindings;
  /** The upstream's Last-Modified, the best guess at a build time where the content has none. */
  readonly lastModified: Instant | null;
}

/**
 * Whether what came stands for nothing at all: a vendor that has no patch for a step publishes an empty one, which tells
 * clients to take the whole. To leave it out tells them the same.
 */
export function standsForAbsent(artifact: ListedArtifact, size: number): boolean {
  return artifact.optional && size === 0;
}

/**
 * Judges one file: what was promised of it, what came, what its inside says, in that order. Pure. `held`: how far the
 * last revision's series had come, for files whose version only they themselves can tell.
 */
export function judgeFile(
  candidate: Candidate,
  trust: Trust,
  now: Instant,
  held: readonly Series[] = [],
): Accepted | Refusal {
  const refusal =
    judgeBytes(candidate) ??
    judgeBinding(candidate, trust) ??
    judgeContent(candidate, trust, now) ??
    judgeOwnVersion(candidate, held);
  return refusal ?? accept(candidate, now);
}

/**
 * Judges a detached signature by what it signs: it is carried when the inspection of its file found it good. Under the
 * trust "clamav" its bytes are bound by nothing else.
 */
export function judgeCompanion(companion: Candidate, main: Candidate, trust: Trust, now: Instant): Accepted | Refusal {
  const refusal = judgeBytes(companion) ?? (trust.kind === "clamav" ? null : judgeBinding(companion, trust));
  if (refusal !== null) return refusal;
  const path = companion.artifact.path;
  const good =
    main.artifact.companion === path &&
    main.findings.content?.signatures.some(
      (s) => s.over === main.artifact.path && s.scheme === "x509-cms" && s.status === "good",
    );
  return good === true
    ? accept(companion, now)
    : refuse("artifact.signature-wrong", `${path}: it does not sign ${main.artifact.path}`);
}

function accept(candidate: Candidate, now: Instant): Accepted {
  const { artifact, findings, file } = candidate;
  // Where only the upstream's clock speaks, it is believed no further than our own.
  const stamp = candidate.lastModified === null ? null : Math.min(candidate.lastModified, now);
  const builtAt = findings.content?.builtAt ?? stamp;
  const accepted: Omit<Accepted, typeof acceptedBrand> = {
    kind: "accepted",
    path: safePath(artifact.path),
    file,
    sha256: findings.sha256 as Sha256,
    size: findings.size,
    // A view knows no time before 1970: it would be written, and then refused as damaged by every server.
    builtAt: builtAt === null ? null : Math.max(0, builtAt),
  };
  return accepted as Accepted;
}

function judgeBytes({ artifact, findings }: Candidate): Refusal | null {
  const { path, digests } = artifact;
  if (artifact.size !== null && findings.size !== artifact.size) {
    return refuse("artifact.size-differs", `${path}: ${findings.size} bytes came, the index says ${artifact.size}`);
  }
  if (digests.sha256 !== undefined && digests.sha256 !== findings.sha256) {
    return refuse("artifact.digest-differs", `${path}: SHA-256 is ${findings.sha256}, should be ${digests.sha256}`);
  }
  if (digests.sha1 !== undefined && findings.content !== null && digests.sha1 !== findings.content.sha1) {
    return refuse(
      "artifact.digest-differs",
      `${path}: SHA-1 is ${findings.content.sha1 ?? "not computed"}, should be ${digests.sha1}`,
    );
  }
  if (digests.sha512 !== undefined && digests.sha512 !== findings.sha512) {
    return refuse(
      "artifact.digest-differs",
      `${path}: SHA-512 is ${findings.sha512 ?? "not computed"}, should be ${digests.sha512}`,
    );
  }
  return null;
}

/** Something that the trust vouches for must bind the bytes: a digest, or the file's own signatures where it knows them. */
function judgeBinding({ artifact }: Candidate, trust: Trust): Refusal | null {
  const { path, digests, inspect, series } = artifact;
  if (digests.sha256 !== undefined || digests.sha512 !== undefined || trust.kind === "none") return null;
  if (trust.kind === "clamav" && inspect) return null;
  if (trust.kind === "liveupdate" && inspect) {
    if (digests.sha1 !== undefined)
      return trust.profile === "legacy-sha1"
        ? null
        : refuse("feed.digest-weak", `${path}: SHA-1 alone binds its bytes`);
    // With a guard of its own and a series that the guard's date is held against; the one without the other can be replayed.
    if (series !== null) return null;
  }
  return refuse("feed.digest-missing", `${path}: nothing binds its bytes`);
}

function judgeContent({ artifact, findings: { content } }: Candidate, trust: Trust, now: Instant): Refusal | null {
  const path = artifact.path;
  if (content === null) return artifact.inspect ? refuse("artifact.malformed", `${path}: it was not inspected`) : null;
  if (content.expandedPastCap)
    return refuse("artifact.expands-too-far", `${path}: unpacking was stopped at ${content.expandedBytes ?? 0} bytes`);
  if (content.malformed !== null)
    return refuse("artifact.malformed", `${path}: ${quoteOutside(content.malformed, 500)}`);
  const refusal = judgeSignatures(artifact, content.signatures, trust);
  if (refusal !== null) return refusal;
  const [contradiction] = content.contradictions;
  if (contradiction !== undefined)
    return refuse("artifact.contradicts-itself", `${path}: ${quoteOutside(contradiction, 500)}`);
  if (artifact.version !== null && content.version !== artifact.version) {
    return refuse(
      "artifact.version-differs",
      `${path}: it is version ${content.version ?? "unknown"}, the index says ${artifact.version}`,
    );
  }
  if (content.builtAt !== null && content.builtAt > now + LIMITS.clockTolerance) {
    return refuse(
      "artifact.from-the-future",
      `${path}: built ${formatInstant(content.builtAt)}, our clock says ${formatInstant(now)}`,
    );
  }
  return null;
}

/**
 * An inspected file proves itself by its own signatures: at least one, and every one of them good. A LiveUpdate package
 * need have none where the signed index binds it: most are no archives, and carry no guard.
 */
function judgeSignatures(
  { path, digests }: ListedArtifact,
  signatures: readonly SignatureFinding[],
  trust: Trust,
): Refusal | null {
  const bound = trust.kind === "liveupdate" && Object.keys(digests).length > 0;
  if (signatures.length === 0 && !bound) return refuse("artifact.signature-wrong", `${path}: it carries no signature`);
  for (const { status, scheme, signer, detail } of signatures) {
    if (status === "good") continue;
    const code = status === "unknown-key" ? "artifact.signer-unknown" : "artifact.signature-wrong";
    return refuse(
      code,
      `${path}: ${scheme} ${status}${signer === "" ? "" : `, signer ${quoteOutside(signer)}`}${detail === "" ? "" : `: ${quoteOutside(detail, 500)}`}`,
    );
  }
  return null;
}

/** A truly signed file of last year is no newer for being new to us: its own version is held against its series. */
function judgeOwnVersion({ artifact, findings }: Candidate, held: readonly Series[]): Refusal | null {
  const { path, series, version } = artifact;
  const before = held.find(({ name }) => name === series)?.version;
  if (version !== null || before === undefined) return null;
  const own = findings.content?.version ?? null;
  if (own !== null && own >= before) return null;
  return refuse("artifact.older-than-held", `${path}: it is at ${own ?? "no version"}, we hold ${before}`);
}

/** The version that a file whose listing told none has proven to have; `null` where there is nothing to remember. */
export function provenSeries({ artifact: { series, version }, findings: { content } }: Candidate): Series | null {
  const own = content?.version ?? null;
  return series === null || version !== null || own === null ? null : { name: series, version: own };
}
