import type { Instant } from "../kernel/instant.ts";

/** A client that took files of a revision that is stopped. */
interface Taker {
  readonly client: string;
  readonly agent: string;
  readonly channel: string;
  readonly firstAt: Instant;
  /** When it first got a file whole; `null`: only parts. */
  readonly wholeAt: Instant | null;
  readonly lastAt: Instant;
}

/** A revision that something stopped shows, and who took it already, whatever channel they took it from. */
export interface Suspect {
  readonly source: string;
  readonly revision: number;
  /** Clients that got a file of it whole; one that came to two channels counts in each. */
  readonly took: number;
  /** The first of those that took anything of it. */
  readonly clients: readonly Taker[];
}

/** What is stopped; `null`: any. */
export interface StopScope {
  readonly source: string | null;
  readonly channel: string | null;
}

/** Revisions that one answer tells of, and clients of each. */
export const MOST_SUSPECTS = 64;
export const MOST_TAKERS = 50;
