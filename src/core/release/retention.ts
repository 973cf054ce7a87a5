import type { Sha256 } from "../kernel/digest.ts";
import type { Duration, Instant } from "../kernel/instant.ts";
import type { ChannelPosition } from "../model/channel.ts";
import type { Revision } from "../model/revision.ts";

/** A revision that may be forgotten, and why it is not needed. */
export interface Surplus {
  readonly source: string;
  readonly revision: number;
  readonly why: string;
}

/**
 * The revisions of one source that nothing needs: not among the newest `keep`, pointed at by no channel, and not the
 * one that a channel would roll back to. Pure.
 */
export function surplusRevisions(
  revisions: readonly Revision[],
  positions: readonly ChannelPosition[],
  rollbackTargets: ReadonlySet<number>,
  keep: number,
): readonly Surplus[] {
  const newestFirst = revisions.toSorted((a, b) => b.number - a.number);
  const pointedAt = new Set(positions.map((position) => position.revision));
  return newestFirst
    .slice(keep)
    .filter(({ number }) => !pointedAt.has(number) && !rollbackTargets.has(number))
    .map(({ source, number }) => ({
      source,
      revision: number,
      why: `not among the newest ${keep}, in no channel, and no rollback leads to it`,
    }));
}

export interface StoredBlob {
  readonly sha256: Sha256;
  readonly size: number;
  readonly admittedAt: Instant;
}

export interface BlobPlan {
  readonly remove: readonly StoredBlob[];
  /** Unreferenced, but within the grace: a transfer may still read them, a run may be about to name them. */
  readonly waiting: number;
}

/** Which unreferenced blobs have outlived the grace. `unreferencedSince` is when a collection first saw each so. Pure. */
export function planBlobCollection(
  stored: readonly StoredBlob[],
  referenced: ReadonlyMap<Sha256, number> | ReadonlySet<Sha256>,
  unreferencedSince: ReadonlyMap<Sha256, Instant>,
  now: Instant,
  grace: Duration,
): BlobPlan {
  const loose = stored.filter(({ sha256 }) => !referenced.has(sha256));
  const remove = loose.filter(
    ({ sha256, admittedAt }) => now - Math.max(admittedAt, unreferencedSince.get(sha256) ?? now) >= grace,
  );
  return { remove, waiting: loose.length - remove.length };
}
