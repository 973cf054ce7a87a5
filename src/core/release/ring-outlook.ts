import type { Instant } from "../kernel/instant.ts";
import type { RingPolicy } from "../model/policy.ts";
import { decidePromotion, type MayMove, type MayNotMove, overdueAt, type PromotionFacts } from "./decide-promotion.ts";

/** Where one ring is, what it would move to next, and both of its clocks. */
export interface RingOutlook {
  readonly ring: RingPolicy;
  /** What it shows; `null`: nothing yet. */
  readonly revision: number | null;
  /** Its last move was a rollback. */
  readonly takenBack: boolean;
  /** What comes next, when there is anything newer in the ring before. */
  readonly next: NextMove | null;
  /** When it is, or was, overdue; `null`: it has the newest, or it has no limit. */
  readonly overdueAt: Instant | null;
  readonly overdue: boolean;
  /** The soak of what comes next ends after the staleness limit, or the limit has passed. */
  readonly collides: boolean;
}

interface NextMove {
  readonly revision: number;
  /** Since when it has been in the ring before. */
  readonly since: Instant | null;
  readonly soakedAt: Instant | null;
  readonly decision: MayMove | MayNotMove;
}

/**
 * Looks ahead for one ring. `candidates`: the facts of every revision that is newer than the ring's, newest first.
 * Whole and fully soaked, the newest goes; where the staleness limit cuts a soak short, the one that has soaked the
 * longest; else the one with the least in its way. Pure.
 */
export function ringOutlook(
  ring: RingPolicy,
  candidates: readonly PromotionFacts[],
  present: {
    readonly revision: number | null;
    readonly laggingSince: Instant | null;
    readonly takenBack: boolean;
  },
  now: Instant,
): RingOutlook {
  const limit = overdueAt(ring, present.laggingSince);
  const next = choose(candidates.map((facts) => nextMove(ring, facts)));
  const overdue = limit !== null && now >= limit;
  return {
    ring,
    revision: present.revision,
    takenBack: present.takenBack,
    next,
    overdueAt: limit,
    overdue,
    collides: limit !== null && next !== null && (overdue || (next.soakedAt ?? now) > limit),
  };
}

function nextMove(ring: RingPolicy, facts: PromotionFacts): NextMove {
  const { since } = facts.before;
  return {
    revision: facts.revision.number,
    since,
    soakedAt: since === null ? null : since + ring.soak,
    decision: decidePromotion(facts),
  };
}

function choose(moves: readonly NextMove[]): NextMove | null {
  const may = moves.filter(({ decision }) => decision.kind === "may-move");
  const whole = may.find(({ decision }) => decision.kind === "may-move" && decision.overruled.length === 0);
  if (whole !== undefined) return whole;
  const longest = may.at(-1);
  if (longest !== undefined) return longest;
  const least = Math.min(...moves.map(inTheWay));
  const best = moves.filter((move) => inTheWay(move) === least);
  return best.toSorted((a, b) => clearsAt(a) - clearsAt(b) || b.revision - a.revision)[0] ?? null;
}

function inTheWay({ decision }: NextMove): number {
  return decision.kind === "may-move" ? 0 : decision.hindrances.length;
}

function clearsAt({ decision }: NextMove): Instant {
  if (decision.kind === "may-move") return 0;
  return Math.max(...decision.hindrances.map(({ clears }) => (clears.by === "time" ? clears.at : 0)));
}
