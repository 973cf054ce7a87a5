import type { Instant } from "../kernel/instant.ts";
import type { ChannelMove } from "../model/channel.ts";

/** How long one channel showed a content: from the move that brought it to the one that took it away. */
export interface ShownSpan<M extends ChannelMove> {
  readonly source: string;
  readonly channel: string;
  readonly from: Instant;
  /** `null`: it is shown still. */
  readonly until: Instant | null;
  readonly brought: M;
  readonly ended: M | null;
}

/**
 * The spans in which the channels of a source showed a content, oldest first: `names` says whether a revision names it.
 * A move between two revisions that both do changes nothing for it. `moves`: all of the source, oldest first. Pure.
 */
export function shownSpans<M extends ChannelMove>(
  moves: readonly M[],
  names: (revision: number) => boolean,
): readonly ShownSpan<M>[] {
  const spans: ShownSpan<M>[] = [];
  const open = new Map<string, M>();
  for (const move of moves) {
    const brought = open.get(move.channel);
    if (names(move.to)) {
      if (brought === undefined) open.set(move.channel, move);
    } else if (brought !== undefined) {
      open.delete(move.channel);
      spans.push({ ...spanOf(brought), until: move.at, ended: move });
    }
  }
  for (const brought of open.values()) spans.push({ ...spanOf(brought), until: null, ended: null });
  return spans.toSorted((a, b) => a.from - b.from);
}

function spanOf<M extends ChannelMove>(brought: M): Omit<ShownSpan<M>, "until" | "ended"> {
  return { source: brought.source, channel: brought.channel, from: brought.at, brought };
}
