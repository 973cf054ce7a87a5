import type { Instant } from "../kernel/instant.ts";
import type { ChannelMove, ChannelPosition } from "../model/channel.ts";
import type { ReleasePolicy } from "../model/policy.ts";
import type { Revision } from "../model/revision.ts";

/** What a channel's moves say of one revision's time in it. */
export interface Stay {
  /** Since when it has been there or behind the channel, without the channel being taken back from it; `null`: never. */
  readonly since: Instant | null;
  /** The channel was taken back from it, and has not been moved to it again. */
  readonly withdrawn: boolean;
}

/**
 * A later revision in the same channel does not end a stay: what a channel shows holds what it showed, until somebody
 * takes it back. `moves`: of one source, newest first. Pure.
 */
export function stayIn(moves: readonly ChannelMove[], channel: string, revision: number): Stay {
  let since: Instant | null = null;
  let withdrawn = false;
  for (const move of moves.toReversed()) {
    if (move.channel !== channel) continue;
    if (move.to === revision) [since, withdrawn] = [since ?? move.at, false];
    else if (move.kind === "rollback" && move.to < revision && since !== null) [since, withdrawn] = [null, true];
  }
  return { since, withdrawn };
}

/**
 * Since when a channel at `present` has been without something that was accepted: the first revision after it that was
 * sealed, or seen in any channel, for a collection may have taken it since. `null`: it has the newest.
 */
export function laggingSince(
  present: number | null,
  revisions: readonly Pick<Revision, "number" | "sealedAt">[],
  moves: readonly ChannelMove[],
): Instant | null {
  const at = present ?? 0;
  const sealed = revisions.filter(({ number }) => number > at).map(({ sealedAt }) => sealedAt);
  const newest = Math.max(at, ...revisions.map(({ number }) => number));
  const seen = moves.filter(({ to, kind }) => kind === "promotion" && to > at && to <= newest).map((move) => move.at);
  return sealed.length === 0 ? null : Math.min(...sealed, ...seen);
}

/**
 * The revisions that the rings of a policy wait for, of those that are held: for each ring, the one that has been longest
 * on its way to it, and the newest whose soak is over. Without them a feed that is faster than its soak would never
 * arrive: what soaks would be collected before it may go on. Only of rings that soak or move by themselves. Pure.
 */
export function awaitedRevisions(
  { rings }: Pick<ReleasePolicy, "rings">,
  positions: ReadonlyMap<string, Pick<ChannelPosition, "revision">>,
  revisions: readonly Pick<Revision, "number">[],
  moves: readonly ChannelMove[],
  now: Instant,
): ReadonlySet<number> {
  const awaited = new Set<number>();
  for (const [index, ring] of rings.entries()) {
    const before = rings[index - 1];
    if (before === undefined || (!ring.automatic && ring.soak === 0)) continue;
    const present = positions.get(ring.channel)?.revision ?? 0;
    const stays = revisions
      .filter(({ number }) => number > present)
      .map(({ number }) => ({ number, since: stayIn(moves, before.channel, number).since }))
      .filter((stay): stay is { number: number; since: number } => stay.since !== null);
    const numbers = stays.map(({ number }) => number);
    if (numbers.length > 0) awaited.add(Math.min(...numbers));
    const soaked = stays.filter(({ since }) => now - since >= ring.soak).map(({ number }) => number);
    if (soaked.length > 0) awaited.add(Math.max(...soaked));
  }
  return awaited;
}
