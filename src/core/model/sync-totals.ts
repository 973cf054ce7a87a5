import type { Instant } from "../kernel/instant.ts";

export type SyncOutcome = "new-revision" | "nothing-new" | "refused" | "failed";

/** Runs added up since the one that an earlier answer ended with. */
export interface SyncTotals {
  /** What the next question begins after. */
  readonly through: number;
  readonly totals: readonly {
    readonly source: string;
    readonly outcome: SyncOutcome;
    readonly code: string | null;
    readonly runs: number;
    /** Bytes that came over the line. */
    readonly bytes: number;
    readonly lastEndedAt: Instant;
  }[];
}
