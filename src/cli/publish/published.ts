import type { Instant } from "../../core/kernel/instant.ts";

/** What every way of publishing is told. */
export interface PublishInput {
  /** Absolute, and as it really is. */
  readonly folder: string;
  /** Absolute; made where it is not there. */
  readonly tree: string;
  readonly now: Instant;
  /** Writes nothing. */
  readonly preview: boolean;
  readonly progress: (phase: string, done: number, total: number) => void;
}

/** What a release wrote, or would. */
export interface Published {
  /** Sizes in bytes; nothing when the tree holds exactly this already. */
  readonly write: readonly { readonly path: string; readonly size: number }[];
  readonly remove: readonly string[];
  /** Files that stay as they are. */
  readonly same: number;
  /** Of a LiveUpdate release. */
  readonly sequence: number | null;
}
