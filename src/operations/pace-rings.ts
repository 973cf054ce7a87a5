import type { ChannelMove } from "../core/model/channel.ts";
import type { ProposalKind } from "../core/model/proposal.ts";
import type { MayNotMove } from "../core/release/decide-promotion.ts";
import type { RingOutlook } from "../core/release/ring-outlook.ts";
import { carryPromotion } from "./promote.ts";
import { attempt, proposeAsPolicy } from "./propose.ts";
import { outlooks, type SourceFacts, sourceFacts } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** What a look at one source's rings came to. */
export interface Paced {
  readonly moves: readonly ChannelMove[];
  /** As it is after the moves. */
  readonly outlooks: readonly RingOutlook[];
}

/** More would mean that each move lets another ring move for ever; a source has at most 32 rings. */
const MOST_ROUNDS = 40;

/**
 * Moves every ring of a source that may move by itself, carries out what is signed, and proposes where only people are
 * missing. Each ring is decided from the ledger as it is after the move before, so that a revision without a soak
 * goes through all its rings at one look, in their order.
 */
export async function paceRings(doors: ChannelDoors, source: string): Promise<Paced> {
  const moves: ChannelMove[] = [];
  for (const proposal of await doors.ledger.proposals({ state: "open", source }, 1_000)) {
    const { move } = await attempt(doors, proposal);
    if (move !== null) moves.push(move);
  }
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const all = await sourceFacts(doors, source);
    const seen = await outlooks(doors, all);
    const move = await moveOne(doors, all, seen);
    if (move !== null) {
      moves.push(move);
      continue;
    }
    await ask(doors, source, seen);
    return { moves, outlooks: seen };
  }
  return { moves, outlooks: await outlooks(doors, await sourceFacts(doors, source)) };
}

async function moveOne(
  doors: ChannelDoors,
  { source, seen: entries, positions, stored }: SourceFacts,
  seen: readonly RingOutlook[],
): Promise<ChannelMove | null> {
  const hasPolicy = stored?.policy != null;
  for (const [index, { ring, next, takenBack }] of seen.entries()) {
    // A sync moves the first ring; it is moved here only when a hold was in its way then, and only under a policy:
    // without one nothing but a sync or a person moves anything, also after a stop between a revision and its move.
    if (next?.decision.kind !== "may-move" || (index === 0 && (takenBack || !hasPolicy))) continue;
    const { decision } = next;
    const stayed = index === 0 ? "accepted" : `after its time in ${seen[index - 1]?.ring.channel ?? ""}`;
    const wish = { source, channel: ring.channel, revision: next.revision, by: "policy", reason: stayed };
    const from = { position: positions.get(ring.channel) ?? null, seen: entries };
    const move = await carryPromotion(doors, wish, from, decision);
    if (!("code" in move)) return move;
  }
  return null;
}

/** Where only people are missing, the daemon asks them, once: a newer revision does not void what is being signed. */
async function ask(doors: ChannelDoors, source: string, seen: readonly RingOutlook[]): Promise<void> {
  for (const { ring, next, collides } of seen) {
    if (next?.decision.kind !== "may-not-move" || !ring.automatic) continue;
    const kind = questionOf(next.decision, collides && ring.collision === "ask");
    if (kind === null) continue;
    const reason = kind === "early" ? "the soak would end after the staleness limit" : "soaked; people are to sign";
    await proposeAsPolicy(doors, { source, channel: ring.channel, revision: next.revision, kind, reason });
  }
}

function questionOf({ hindrances }: MayNotMove, mayAskEarly: boolean): ProposalKind | null {
  const codes = new Set<string>(hindrances.map(({ code }) => code));
  codes.delete("promotion.sign-off-missing");
  if (codes.size === 0) return "promotion";
  return mayAskEarly && codes.size === 1 && codes.has("promotion.soaking") ? "early" : null;
}
