import type { Sha256 } from "../kernel/digest.ts";
import { formatInstant, type Instant } from "../kernel/instant.ts";
import type { SafePath } from "../kernel/safe-path.ts";
import type { Series } from "./feed-listing.ts";

/** One path of a revision. */
export interface RevisionEntry {
  readonly path: SafePath;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** The content's own time (build time, else the upstream's Last-Modified), or `null`. */
  readonly builtAt: Instant | null;
  /** The revision since which this path has had this content without a break. */
  readonly since: number;
}

/** A content at one path of a source, in every revision from `since` to below `until`; `null`: in the newest too. */
export interface ContentSpan extends Pick<RevisionEntry, "sha256" | "size" | "since"> {
  readonly until: number | null;
}

/** An immutable, complete set path → blob accepted from one source, numbered upward from 1. */
export interface Revision {
  readonly source: string;
  readonly number: number;
  readonly sealedAt: Instant;
  readonly files: number;
  /** Bytes of all its files, each path counted. */
  readonly bytes: number;
  readonly series: readonly Series[];
  /** How its index was vouched for: the good signatures' signers, "pinned", or "none". */
  readonly vouchedBy: string;
  /** Whether its source trusts nothing: such a revision never leaves staging, even when the source changes later. */
  readonly unsigned: boolean;
  /** The latest build time among its entries: no Last-Modified served of it may be older. */
  readonly newestBuiltAt: Instant | null;
}

/** What the record keeps of a revision that was removed: that it was there, and who removed it, and why. */
export interface PurgedRevision
  extends Pick<Revision, "source" | "number" | "sealedAt" | "files" | "bytes" | "vouchedBy"> {
  readonly purgedAt: Instant;
  readonly by: string;
  readonly why: string;
}

/** For a person: "revision 3 of clamav was removed on … by …: …". */
export function purgedText({ source, number, purgedAt, by, why }: PurgedRevision): string {
  return `revision ${number} of ${source} was removed on ${formatInstant(purgedAt)} by ${by}: ${why}`;
}

/** Who removes revisions, when and why. */
export type Removal = Pick<PurgedRevision, "purgedAt" | "by" | "why">;

/** What sealing takes: the complete set, with paths already judged. */
export interface RevisionDraft {
  readonly source: string;
  readonly entries: readonly Omit<RevisionEntry, "since">[];
  readonly series: readonly Series[];
  readonly vouchedBy: string;
  readonly unsigned: boolean;
}
