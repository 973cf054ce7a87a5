import type { RevisionSpread } from "../model/client-sighting.ts";

/** How far one revision has come in one channel. */
interface ChannelExposure {
  readonly channel: string;
  /** Whether the channel shows the revision now. */
  readonly shows: boolean;
  /** Clients of the source that were seen in it. */
  readonly clients: number;
  /** That got a file of the revision whole. */
  readonly took: number;
  /** Of these: hold another one since. */
  readonly recovered: number;
  /** Of these: as far as anybody knows hold it still. */
  readonly exposed: number;
  /** That did not take it, and will not, because the channel shows another. */
  readonly contained: number;
  /** That did not take it, and will at their next visit. */
  readonly next: number;
}

export interface Exposure extends Omit<ChannelExposure, "channel" | "shows"> {
  readonly channels: readonly ChannelExposure[];
}

/**
 * The two counts of a bad revision, apart: *contained*, who will not get it, and *recovered*, who has left it. A server
 * that goes back contains at once and recovers nobody by itself. `showing`: the channels that show it now. Pure.
 */
export function exposureOf(spread: readonly RevisionSpread[], showing: ReadonlySet<string>): Exposure {
  const channels = spread.map(({ channel, clients, took, left }): ChannelExposure => {
    const shows = showing.has(channel);
    const rest = Math.max(0, clients - took);
    return {
      channel,
      shows,
      clients,
      took,
      recovered: left,
      exposed: took - left,
      contained: shows ? 0 : rest,
      next: shows ? rest : 0,
    };
  });
  const sum = (of: (each: ChannelExposure) => number): number => channels.reduce((total, each) => total + of(each), 0);
  return {
    channels,
    clients: sum(({ clients }) => clients),
    took: sum(({ took }) => took),
    recovered: sum(({ recovered }) => recovered),
    exposed: sum(({ exposed }) => exposed),
    contained: sum(({ contained }) => contained),
    next: sum(({ next }) => next),
  };
}
