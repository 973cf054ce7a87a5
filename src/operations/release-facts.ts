import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { ChannelMove, ChannelPosition } from "../core/model/channel.ts";
import { defaultPolicy, type ReleasePolicy, type RingPolicy, type StoredPolicy } from "../core/model/policy.ts";
import type { Proposal } from "../core/model/proposal.ts";
import { isActive, type Restraint } from "../core/model/restraint.ts";
import type { Revision } from "../core/model/revision.ts";
import type { PromotionFacts } from "../core/release/decide-promotion.ts";
import { type RingOutlook, ringOutlook } from "../core/release/ring-outlook.ts";
import { laggingSince, stayIn } from "../core/release/stay.ts";
import { blocksIn } from "./blocks.ts";
import type { ChannelDoors } from "./sync-run.ts";

const ALL_MOVES = 1_000_000;
/** Revisions that are looked at for one ring: the next is nearly always among the newest few. */
const MOST_CANDIDATES = 64;

/** Everything that the ledger says of one source's releases at one moment. */
export interface SourceFacts {
  readonly source: string;
  readonly now: Instant;
  /** Entries of the audit log when these facts were read: an order that came later is not among them. */
  readonly seen: number;
  readonly stored: StoredPolicy | null;
  readonly policy: ReleasePolicy;
  readonly positions: ReadonlyMap<string, ChannelPosition>;
  /** Newest first. */
  readonly revisions: readonly Revision[];
  /** Newest first. */
  readonly moves: readonly ChannelMove[];
}

export async function sourceFacts({ ledger, clock, channels }: ChannelDoors, source: string): Promise<SourceFacts> {
  const seen = await ledger.auditSize();
  const stored = await ledger.policy(source);
  const positions = (await ledger.positions()).filter((position) => position.source === source);
  return {
    source,
    now: clock.now(),
    seen,
    stored,
    policy: stored?.policy ?? defaultPolicy(channels),
    positions: new Map(positions.map((position) => [position.channel, position])),
    revisions: await ledger.revisions(source),
    moves: await ledger.moves(source, ALL_MOVES),
  };
}

/** The facts of one possible move. */
export async function promotionFacts(
  doors: ChannelDoors,
  all: SourceFacts,
  wish: {
    readonly channel: string;
    readonly revision: Revision;
    readonly asked: "person" | "policy";
    readonly proposal: Proposal | null;
  },
): Promise<PromotionFacts> {
  const { now, policy, positions, revisions, moves } = all;
  const { channel, revision } = wish;
  const index = policy.rings.findIndex((ring) => ring.channel === channel);
  const before = policy.rings[index - 1]?.channel ?? null;
  const position = positions.get(channel) ?? null;
  const asks = policy.rings[index]?.health;
  return {
    now,
    channels: doors.channels,
    policy,
    channel,
    revision,
    position,
    before: before === null ? { since: null, withdrawn: false } : stayIn(moves, before, revision.number),
    atFirst: stayIn(moves, policy.rings[0]?.channel ?? "", revision.number),
    takenBack: moves.find((move) => move.channel === channel)?.kind === "rollback",
    laggingSince: laggingSince(position?.revision ?? null, revisions, moves),
    health:
      asks === undefined || before === null
        ? null
        : await doors.health({ source: all.source, ring: before, revision: revision.number, policy: asks, now }),
    restraints: await restraintsOn(doors, all, channel, revision.number),
    shutOff: doors.shutOff(channel, all.source),
    proposal: wish.proposal,
    asked: wish.asked,
  };
}

/** The active restraints that a move of this channel to this revision would break. */
async function restraintsOn(
  doors: ChannelDoors,
  { source, now }: SourceFacts,
  channel: string,
  revision: number,
): Promise<readonly Restraint[]> {
  const active = (await doors.ledger.restraints(false)).filter((each) => isActive(each, now));
  const here = active.filter(({ on }) => {
    if (on.kind === "hold") return (on.source ?? source) === source && (on.channel ?? channel) === channel;
    return on.kind === "pin" && on.source === source && on.channel === channel && on.revision !== revision;
  });
  return [...here, ...(await blocksIn(doors, source, revision))];
}

/** What each ring of a source would do next, and why not now. */
export async function outlooks(doors: ChannelDoors, all: SourceFacts): Promise<readonly RingOutlook[]> {
  const found: RingOutlook[] = [];
  for (const [index, ring] of all.policy.rings.entries()) found.push(await outlookOf(doors, all, ring, index));
  return found;
}

async function outlookOf(doors: ChannelDoors, all: SourceFacts, ring: RingPolicy, index: number): Promise<RingOutlook> {
  const revision = all.positions.get(ring.channel)?.revision ?? null;
  const before = all.policy.rings[index - 1]?.channel ?? null;
  const newer = all.revisions.filter(({ number }) => number > (revision ?? 0));
  // The first ring goes to the newest there is; a later one to what the ring before it has shown and stands by.
  const reached =
    before === null
      ? newer.slice(0, 1)
      : newer.filter(({ number }) => stayIn(all.moves, before, number).since !== null).slice(0, MOST_CANDIDATES);
  const candidates: PromotionFacts[] = [];
  for (const each of reached) {
    const wish = { channel: ring.channel, revision: each, asked: "policy", proposal: null } as const;
    candidates.push(await promotionFacts(doors, all, wish));
  }
  const lagging = laggingSince(revision, all.revisions, all.moves);
  const takenBack = all.moves.find((move) => move.channel === ring.channel)?.kind === "rollback";
  return ringOutlook(ring, candidates, { revision, laggingSince: lagging, takenBack }, all.now);
}

/** Throws `channel.unknown`. */
export function checkChannel({ channels }: Pick<ChannelDoors, "channels">, channel: string): void {
  if (!channels.includes(channel))
    throw new Failure("channel.unknown", `no channel "${channel}"; there are ${channels.join(", ")}`);
}
