import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { ChannelMove, ChannelPosition, MoveKind, Overtaken } from "../core/model/channel.ts";
import { isActive, restraintText } from "../core/model/restraint.ts";
import { purgedText, type Revision } from "../core/model/revision.ts";
import { mountOf } from "../core/model/source.ts";
import type { PointerMount } from "../core/ports.ts";
import { nextMove } from "../core/publish/last-modified.ts";
import { decidePromotion, type MayMove, refusalOf } from "../core/release/decide-promotion.ts";
import { decideRollback, type MayGoBack } from "../core/release/decide-rollback.ts";
import { blocksIn, withheldNow } from "./blocks.ts";
import { checkChannel, promotionFacts, sourceFacts } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** Who asks for which move, and why. `revision`: by number, or what the channel before (or its own past) suggests. */
export interface MoveWish {
  readonly source: string;
  readonly channel: string;
  readonly revision: number | null;
  readonly by: string;
  readonly reason: string;
}

/** What a move was decided from: where the channel stood, and how many entries the audit log had. */
export interface DecidedFrom {
  readonly position: ChannelPosition | null;
  readonly seen: number;
}

const ALL_MOVES = 1_000_000;
/** Orders that come one after another, each into the middle of a decision: somebody should look. */
const MOST_DECISIONS = 3;

/**
 * Promotes a channel: to the revision asked for, or to the one that the ring before it points at. Where an order came
 * between, and not another move, it is decided anew.
 */
export async function promoteChannel(doors: ChannelDoors, wish: MoveWish): Promise<ChannelMove | Refusal> {
  for (let tries = 1; ; tries += 1) {
    const done = await decideAndPromote(doors, wish);
    if (done !== "overtaken-by-order" || tries === MOST_DECISIONS) return answered(doors, wish, done);
  }
}

async function decideAndPromote(doors: ChannelDoors, wish: MoveWish): Promise<ChannelMove | Refusal | Overtaken> {
  const { ledger } = doors;
  checkChannel(doors, wish.channel);
  const all = await sourceFacts(doors, wish.source);
  const rings = all.policy.rings.map(({ channel }) => channel);
  const before = rings[rings.indexOf(wish.channel) - 1] ?? null;
  const suggested =
    before === null ? (await ledger.latestRevision(wish.source))?.number : all.positions.get(before)?.revision;
  const number = wish.revision ?? suggested;
  if (number === undefined)
    throw new Failure(
      "revision.unknown",
      `${wish.source} has no revision ${before === null ? "yet: sync it first" : `in ${before} yet`}`,
    );
  const revision = (await ledger.revision(wish.source, number)) ?? (await absentRevision(doors, wish.source, number));
  if ("kind" in revision) return refused(doors, wish, revision);
  const facts = await promotionFacts(doors, all, { channel: wish.channel, revision, asked: "person", proposal: null });
  const decision = decidePromotion(facts);
  if (decision.kind === "may-not-move") return refused(doors, wish, refusalOf(decision));
  return moveForward(doors, wish, { position: facts.position, seen: all.seen }, decision);
}

/** Moves a ring forward as it was decided; what the decision overruled stands in the record of the move. */
export async function carryPromotion(
  doors: ChannelDoors,
  wish: MoveWish,
  from: DecidedFrom,
  decision: MayMove,
): Promise<ChannelMove | Refusal> {
  return answered(doors, wish, await moveForward(doors, wish, from, decision));
}

async function moveForward(
  doors: ChannelDoors,
  wish: MoveWish,
  from: DecidedFrom,
  { revision, overruled }: MayMove,
): Promise<ChannelMove | Overtaken> {
  const spite = overruled.map(({ code, detail }) => `${code} (${detail})`).join(", ");
  const reason = spite === "" ? wish.reason : `${wish.reason}; in spite of ${spite}`;
  return moveTo(doors, { ...wish, reason }, "promotion", from, revision);
}

/** Takes a channel back: to the revision asked for, or to the newest older one that it has pointed at. */
export async function rollBackChannel(doors: ChannelDoors, wish: MoveWish): Promise<ChannelMove | Refusal> {
  const seen = await doors.ledger.auditSize();
  const { decision, position } = await decideBack(doors, wish);
  if (decision.kind === "refused") return refused(doors, wish, decision);
  return answered(doors, wish, await moveTo(doors, wish, "rollback", { position, seen }, decision.revision));
}

/** Where a rollback would lead, and what it would leave; nothing is done, and nothing recorded. */
export async function previewRollback(
  doors: ChannelDoors,
  wish: Pick<MoveWish, "source" | "channel" | "revision">,
): Promise<{ readonly from: number | null; readonly to: number } | Refusal> {
  const { decision, position } = await decideBack(doors, wish);
  if (decision.kind === "refused") return decision;
  return { from: position?.revision ?? null, to: decision.revision.number };
}

async function decideBack(
  doors: ChannelDoors,
  wish: Pick<MoveWish, "source" | "channel" | "revision">,
): Promise<{ readonly decision: MayGoBack | Refusal; readonly position: ChannelPosition | null }> {
  const { ledger, channels } = doors;
  checkChannel(doors, wish.channel);
  const position = await ledger.position(wish.source, wish.channel);
  const moves = await ledger.moves(wish.source, ALL_MOVES);
  const shown = new Set(moves.filter((move) => move.channel === wish.channel).map((move) => move.to));
  const held = new Map((await ledger.revisions(wish.source)).map((revision) => [revision.number, revision]));
  const history = await unblocked(doors, wish.source, shown, held);
  const restraint = await heldBy(doors, wish, position?.revision ?? null);
  if (restraint !== null) return { decision: restraint, position };
  const decision = decideRollback({
    channel: wish.channel,
    first: channels[0] === wish.channel,
    asked: wish.revision,
    position,
    history,
    held,
  });
  if (decision.kind === "refused" && decision.code === "revision.gone" && wish.revision !== null)
    return { decision: await absentRevision(doors, wish.source, wish.revision), position };
  return { decision, position };
}

/** Nothing goes back to what is blocked. */
async function unblocked(
  doors: ChannelDoors,
  source: string,
  shown: ReadonlySet<number>,
  held: ReadonlyMap<number, Revision>,
): Promise<ReadonlySet<number>> {
  const kept = new Set<number>();
  for (const number of shown)
    if (!held.has(number) || (await blocksIn(doors, source, number)).length === 0) kept.add(number);
  return kept;
}

/** A hold or a pin keeps a channel from going back, too. */
async function heldBy(
  { ledger, clock }: ChannelDoors,
  { source, channel }: Pick<MoveWish, "source" | "channel">,
  present: number | null,
): Promise<Refusal | null> {
  const now = clock.now();
  for (const restraint of await ledger.restraints(false)) {
    const { id, on, by } = restraint;
    if (!isActive(restraint, now)) continue;
    const words = `${restraintText(on)}, by ${by}; ringfort release ${id}`;
    if (on.kind === "hold" && (on.source ?? source) === source && (on.channel ?? channel) === channel)
      return refuse("channel.held", words);
    if (on.kind === "pin" && on.source === source && on.channel === channel && on.revision === present)
      return refuse("channel.pinned", words);
  }
  return null;
}

/**
 * One recorded pointer move: view at hand, ledger, pointer file, server, in that order. The pointer file names
 * revisions and holds none, so that a move takes the same time for ten files or a hundred thousand.
 */
async function moveTo(
  doors: ChannelDoors,
  wish: MoveWish,
  kind: MoveKind,
  { position, seen }: DecidedFrom,
  revision: Revision,
): Promise<ChannelMove | Overtaken> {
  const { ledger, clock } = doors;
  await ensureView(doors, revision);
  const shown =
    position === null ? null : ((await ledger.revision(wish.source, position.revision))?.newestBuiltAt ?? null);
  const next = nextMove({ present: position, kind, target: revision.number, now: clock.now(), newestShown: shown });
  const moves = position?.moves ?? 0;
  const move: ChannelMove = {
    source: wish.source,
    channel: wish.channel,
    kind,
    from: position?.revision ?? null,
    to: revision.number,
    at: next.movedAt,
    by: wish.by,
    reason: wish.reason,
  };
  const answer = await ledger.moveChannel(
    {
      source: wish.source,
      channel: wish.channel,
      revision: revision.number,
      movedAt: next.movedAt,
      moves: moves + 1,
      steps: next.steps,
    },
    move,
    moves,
    seen,
  );
  if (answer !== "done") return answer;
  await publishChannel(doors, wish.channel);
  doors.events.emit("channel.moved", {
    source: wish.source,
    channel: wish.channel,
    kind,
    from: move.from,
    to: move.to,
    by: move.by,
    reason: move.reason,
  });
  return move;
}

/** The end of an attempt as it is answered; one that was overtaken is a refusal. */
function answered(doors: ChannelDoors, wish: MoveWish, done: ChannelMove | Refusal | Overtaken): ChannelMove | Refusal {
  if (typeof done !== "string") return done;
  const what = done === "overtaken-by-move" ? "was moved" : "was given an order about";
  const detail = `${wish.channel} of ${wish.source} ${what} while this was being decided; look again`;
  return refused(doors, wish, refuse("promotion.changed-meanwhile", detail));
}

function refused(doors: ChannelDoors, wish: MoveWish, refusal: Refusal): Refusal {
  doors.events.emit("channel.move-refused", {
    source: wish.source,
    channel: wish.channel,
    code: refusal.code,
    detail: refusal.detail,
    by: wish.by,
  });
  return refusal;
}

export async function knownRevision(
  { ledger }: Pick<ChannelDoors, "ledger">,
  source: string,
  number: number,
): Promise<Revision> {
  const revision = await ledger.revision(source, number);
  if (revision !== null) return revision;
  throw new Failure("revision.unknown", (await absentRevision({ ledger }, source, number)).detail);
}

/** What to say of a revision that is not there: `revision.gone`, with when and why, or, thrown, `revision.unknown`. */
export async function absentRevision(
  { ledger }: Pick<ChannelDoors, "ledger">,
  source: string,
  number: number,
): Promise<Refusal> {
  const purged = await ledger.purgedRevision(source, number);
  if (purged === null) throw new Failure("revision.unknown", `${source} has no revision ${number}`);
  return refuse("revision.gone", purgedText(purged));
}

/** Writes the revision's view where it is missing: after a stop between the ledger and the view. */
export async function ensureView(
  { ledger, views }: Pick<ChannelDoors, "ledger" | "views">,
  revision: Revision,
): Promise<void> {
  if (await views.hasRevision(revision.source, revision.number)) return;
  await views.writeRevision(revision, await ledger.entries(revision.source, revision.number));
}

/**
 * Writes a channel's pointer file as the ledger has it, and lets its server know. A source whose revision is blocked is
 * left out, and what is blocked is named in the file: so it is also for a client that is held on an older view, and after
 * every start.
 */
export async function publishChannel(
  doors: Pick<ChannelDoors, "clock" | "ledger" | "views" | "announce" | "inTurn">,
  channel: string,
): Promise<void> {
  const { views, announce, inTurn } = doors;
  await inTurn(async () => {
    const withheld = await withheldNow(doors);
    await views.writePointer(channel, await mountsOf(doors, channel), withheld);
    await announce(channel);
  });
}

/** What a channel shows now, as the ledger has it, without what is blocked. */
export async function mountsOf(
  doors: Pick<ChannelDoors, "ledger" | "clock">,
  channel: string,
): Promise<readonly PointerMount[]> {
  const { ledger } = doors;
  const sources = new Map((await ledger.sources()).map((spec) => [spec.name, spec]));
  const positions = (await ledger.positions()).filter((position) => position.channel === channel);
  const { revisions } = await withheldNow(doors);
  const barred = new Set(revisions.map(({ source, revision }) => `${source}/${revision}`));
  return positions.flatMap(({ source, revision, steps }) => {
    const spec = sources.get(source);
    if (spec === undefined || barred.has(`${source}/${revision}`)) return [];
    return [{ source, mount: mountOf(spec), revision, steps }];
  });
}
