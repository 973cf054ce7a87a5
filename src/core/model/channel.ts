import type { Instant } from "../kernel/instant.ts";

/** Where one channel of one source points. */
export interface ChannelPosition {
  readonly source: string;
  readonly channel: string;
  readonly revision: number;
  /** When the pointer moved, never earlier than a second after its last move. */
  readonly movedAt: Instant;
  /** Counts the moves of this channel of this source: two people who move at once see each other by it. */
  readonly moves: number;
  /** The forward moves since the last rollback, oldest first: `lastModified` is read off them. */
  readonly steps: readonly ChannelStep[];
}

export interface ChannelStep {
  readonly revision: number;
  readonly movedAt: Instant;
}

export type MoveKind = "promotion" | "rollback";

/** One recorded move of one channel. */
export interface ChannelMove {
  readonly source: string;
  readonly channel: string;
  readonly kind: MoveKind;
  readonly from: number | null;
  readonly to: number;
  readonly at: Instant;
  /** Who asked: an operating-system user, or "schedule". */
  readonly by: string;
  readonly reason: string;
}

/** What came between a decision to move a channel and the move: another move, or an order. */
export type Overtaken = "overtaken-by-move" | "overtaken-by-order";

/** How a move ends in the ledger. */
export type MoveEnd = "done" | Overtaken;
