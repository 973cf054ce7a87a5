import type { FileHandle } from "node:fs/promises";
import type { Instant } from "../core/kernel/instant.ts";
import type { FeedListing, ListedArtifact, ListingFindings } from "../core/model/feed-listing.ts";
import type { ContentFindings } from "../core/model/findings.ts";
import type { Feed, Trust } from "../core/model/source.ts";
import type { NeededFile, QuarantinedFile } from "../wire/jobs.ts";

/** Files in quarantine, opened by the names that the keeper gave them; nothing else can be opened. */
export interface QuarantineReader {
  /** Reads a whole file that must not be larger than `most` bytes. */
  read(file: QuarantinedFile, most: number): Promise<Uint8Array>;
  open(file: QuarantinedFile): Promise<FileHandle>;
}

export type Reading =
  | { readonly kind: "needs"; readonly files: readonly NeededFile[] }
  | { readonly kind: "listing"; readonly listing: FeedListing; readonly findings: ListingFindings };

/**
 * One feed format. It reports what it sees and never judges: a bad signature, a name that escapes and a list that
 * cannot be read are findings. It throws only when reading the quarantine itself fails.
 */
export interface FeedFormat<F extends Feed = Feed> {
  /**
   * Reads the feed's index from the files at hand. The first call has none: it answers with what it needs. A file
   * asked for comes back once, `absent` when the upstream does not have it.
   */
  readFeed(input: {
    readonly feed: F;
    readonly trust: Trust;
    readonly now: Instant;
    readonly files: readonly QuarantinedFile[];
    readonly quarantine: QuarantineReader;
  }): Promise<Reading>;
  /** Looks into one artifact whose listing says `inspect`. */
  inspectArtifact(input: {
    readonly feed: F;
    readonly trust: Trust;
    readonly now: Instant;
    readonly artifact: ListedArtifact;
    readonly file: QuarantinedFile;
    readonly companion: QuarantinedFile | null;
    /** Bytes that an archive may unpack to; unpacking stops there. */
    readonly caps: { readonly expandedBytes: number };
    readonly quarantine: QuarantineReader;
  }): Promise<ContentFindings>;
}
