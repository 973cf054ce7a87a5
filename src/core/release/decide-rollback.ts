import { type Refusal, refuse } from "../kernel/errors.ts";
import type { ChannelPosition } from "../model/channel.ts";
import type { Revision } from "../model/revision.ts";

/** A channel may go back to this revision. */
export interface MayGoBack {
  readonly kind: "may-move";
  readonly revision: Revision;
}

export interface RollbackFacts {
  readonly channel: string;
  /** Whether it is the first of the configured channels. */
  readonly first: boolean;
  /** The revision asked for, or `null` for the newest older one that the channel has pointed at. */
  readonly asked: number | null;
  readonly position: ChannelPosition | null;
  /** Every revision that the channel has ever pointed at. */
  readonly history: ReadonlySet<number>;
  /** Revisions whose content is still held. */
  readonly held: ReadonlyMap<number, Revision>;
}

/** Whether, and to which revision, a channel goes back. Pure. */
export function decideRollback(facts: RollbackFacts): MayGoBack | Refusal {
  const found = rollbackTarget(facts);
  // A channel that was the first when it showed an unsigned revision may be a later one today.
  return found.kind === "may-move" && found.revision.unsigned && !facts.first
    ? refuse("promotion.unsigned-source", `revision ${found.revision.number} was accepted with trust "none"`)
    : found;
}

function rollbackTarget({ channel, asked, position, history, held }: RollbackFacts): MayGoBack | Refusal {
  const current = position?.revision ?? 0;
  const older = [...history].filter((number) => number < current).toSorted((a, b) => b - a);
  if (asked === null) {
    const number = older.find((candidate) => held.has(candidate));
    const revision = number === undefined ? undefined : held.get(number);
    return revision === undefined
      ? refuse("rollback.nothing-older", `${channel} is at revision ${current || "none"}`)
      : { kind: "may-move", revision };
  }
  if (asked === current) return refuse("promotion.already-there", `${channel} is at revision ${asked}`);
  if (!older.includes(asked))
    return refuse(
      "rollback.never-there",
      `${channel} has never pointed at revision ${asked}, or it is not older than ${current}`,
    );
  const revision = held.get(asked);
  return revision === undefined ? refuse("revision.gone", `revision ${asked}`) : { kind: "may-move", revision };
}
