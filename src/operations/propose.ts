import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import type { Actor } from "../core/model/actor.ts";
import type { ChannelMove } from "../core/model/channel.ts";
import type { Proposal, ProposalKind } from "../core/model/proposal.ts";
import type { EventRecord } from "../core/ports.ts";
import { decidePromotion, demandsFor, type Hindrance, refusalOf } from "../core/release/decide-promotion.ts";
import { carryPromotion, knownRevision } from "./promote.ts";
import { checkChannel, promotionFacts, type SourceFacts, sourceFacts } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";

export interface ProposalWish {
  readonly source: string;
  readonly channel: string;
  /** `null`: what the ring before shows; of an emergency, what the first ring shows. */
  readonly revision: number | null;
  readonly kind: ProposalKind;
  readonly reason: string;
  /** Of an emergency: over by itself after so long; `null` and what is longer: what the policy says. */
  readonly expires: Duration | null;
  /** Says what would be, and does nothing. */
  readonly preview: boolean;
}

/** What became of a proposal, and what it waits for. */
export interface Proposed {
  readonly proposal: Proposal;
  /** The move, where nothing was missing. */
  readonly move: ChannelMove | null;
  readonly waitsFor: readonly Hindrance[];
}

/** The daemon itself, when it ends or makes a proposal: it is nobody, and signs nothing. */
const NOBODY = "policy";

/** Codes that no waiting and no sign-off takes away: what has them is not worth proposing. */
const HOPELESS: ReadonlySet<string> = new Set([
  "promotion.no-ring",
  "promotion.unsigned-source",
  "promotion.already-there",
  "promotion.not-newer",
  "promotion.withdrawn",
  "promotion.not-in-earlier-channel",
  "revision.blocked",
]);

/** Proposes a promotion; when nothing is missing for it, it is carried out at once. */
export async function propose(doors: ChannelDoors, wish: ProposalWish, actor: Actor): Promise<Proposed | Refusal> {
  checkChannel(doors, wish.channel);
  const all = await sourceFacts(doors, wish.source);
  const revision = await knownRevision(doors, wish.source, wish.revision ?? suggested(all, wish));
  const draft = { ...draftOf(all, wish, actor), revision: revision.number };
  const tried = { ...draft, id: 0, version: 1, state: "open" as const, signOffs: [], authors: [actor.name] };
  const facts = await promotionFacts(doors, all, { channel: wish.channel, revision, asked: "person", proposal: tried });
  const decision = decidePromotion(facts);
  if (decision.kind === "may-not-move" && decision.hindrances.some(({ code }) => HOPELESS.has(code)))
    return refusalOf(decision);
  if (wish.preview)
    return { proposal: tried, move: null, waitsFor: decision.kind === "may-move" ? [] : decision.hindrances };
  const proposal = await doors.ledger.addProposal(draft);
  if (proposal === null)
    return refuse(
      "proposal.open-already",
      `there is an open proposal for ${wish.channel} of ${wish.source}; edit, sign or withdraw that one`,
    );
  doors.events.emit("proposal.made", said(proposal, actor.name));
  return attempt(doors, proposal);
}

function suggested(all: SourceFacts, { channel, kind, source }: ProposalWish): number {
  const rings = all.policy.rings.map((ring) => ring.channel);
  const before = kind === "emergency" ? rings[0] : rings[rings.indexOf(channel) - 1];
  const number = before === undefined ? undefined : all.positions.get(before)?.revision;
  if (number === undefined)
    throw new Failure("revision.unknown", `${source} shows nothing in ${before ?? "a ring before"} yet`);
  return number;
}

function draftOf({ policy, now }: SourceFacts, wish: ProposalWish, actor: Actor) {
  const { source, channel, kind, reason } = wish;
  const ring = policy.rings.find((each) => each.channel === channel);
  const most = policy.emergency.expires;
  const expiresAt = kind === "emergency" ? now + Math.min(wish.expires ?? most, most) : null;
  const demands = ring === undefined ? [] : demandsFor(policy, ring, kind);
  return { source, channel, kind, reason, by: actor.name, at: now, demands, expiresAt };
}

/** Changes what is proposed, or why. Whoever signed has signed something else: every sign-off is void. */
export async function editProposal(
  doors: ChannelDoors,
  wish: { readonly id: number; readonly revision: number | null; readonly reason: string | null },
  actor: Actor,
): Promise<Proposed | Refusal> {
  const before = await openProposal(doors, wish.id);
  if ("code" in before) return before;
  const all = await sourceFacts(doors, before.source);
  const revision = await knownRevision(doors, before.source, wish.revision ?? before.revision);
  const reason = wish.reason ?? before.reason;
  const draft = draftOf(all, { ...before, reason, revision: revision.number, expires: null, preview: false }, actor);
  // An edit does not give an emergency more time than it had.
  const expiresAt = before.expiresAt === null ? null : Math.min(before.expiresAt, draft.expiresAt ?? before.expiresAt);
  const { by, at, demands } = draft;
  const edit = { revision: revision.number, reason, by, at, demands, expiresAt };
  if (!(await doors.ledger.editProposal(before.id, before.version, edit))) return changed(before);
  const after = await openProposal(doors, before.id);
  if ("code" in after) return after;
  doors.events.emit("proposal.edited", said(after, actor.name));
  return attempt(doors, after);
}

/** One person's yes to one version of a proposal. The last one that was missing carries it out. */
export async function signOff(
  doors: ChannelDoors,
  wish: { readonly id: number; readonly version: number; readonly comment: string },
  actor: Actor,
): Promise<Proposed | Refusal> {
  const before = await openProposal(doors, wish.id);
  if ("code" in before) return before;
  if (before.version !== wish.version) return changed(before);
  if (before.authors.includes(actor.name))
    return refuse("proposal.own", `${actor.name} has written proposal ${before.id}; another person signs it`);
  if (!before.demands.some(({ role }) => actor.roles.includes(role))) {
    const asked = before.demands.map(({ role }) => role).join(", ") || "nobody";
    return refuse("proposal.role-missing", `proposal ${before.id} asks for ${asked}; ${actor.name} is none of these`);
  }
  const given = { by: actor.name, roles: actor.roles, at: doors.clock.now(), comment: wish.comment };
  const signed = await doors.ledger.signProposal(before.id, before.version, given);
  if (signed === "changed") return changed(before);
  if (signed === "signed-already")
    return refuse("proposal.signed-already", `${actor.name} has signed proposal ${before.id} already`);
  const after = await openProposal(doors, before.id);
  if ("code" in after) return after;
  doors.events.emit("proposal.signed", said(after, actor.name));
  return attempt(doors, after);
}

/** What a proposal waits for, without doing anything. */
export async function lookAtProposal(doors: ChannelDoors, id: number): Promise<Proposed | Refusal> {
  const proposal = await openProposal(doors, id);
  if ("code" in proposal) return proposal;
  const all = await sourceFacts(doors, proposal.source);
  const revision = await knownRevision(doors, proposal.source, proposal.revision);
  const { channel } = proposal;
  const decision = decidePromotion(await promotionFacts(doors, all, { channel, revision, asked: "policy", proposal }));
  return { proposal, move: null, waitsFor: decision.kind === "may-move" ? [] : decision.hindrances };
}

export async function withdrawProposal(
  doors: ChannelDoors,
  wish: { readonly id: number; readonly reason: string },
  actor: Actor,
): Promise<Proposal | Refusal> {
  const before = await openProposal(doors, wish.id);
  if ("code" in before) return before;
  const end = { state: "withdrawn" as const, by: actor.name, at: doors.clock.now(), reason: wish.reason };
  if (!(await doors.ledger.endProposal(before.id, before.version, end))) return changed(before);
  const after = { ...before, state: end.state };
  doors.events.emit("proposal.ended", said(after, actor.name));
  return after;
}

/** Carries a proposal out if nothing is missing, ends it if it can no longer be, and else says what it waits for. */
export async function attempt(doors: ChannelDoors, proposal: Proposal): Promise<Proposed> {
  const all = await sourceFacts(doors, proposal.source);
  const over = await overBy(doors, all, proposal);
  if (over !== null) return { proposal: over, move: null, waitsFor: [] };
  const revision = await knownRevision(doors, proposal.source, proposal.revision);
  const { channel } = proposal;
  const facts = await promotionFacts(doors, all, { channel, revision, asked: "policy", proposal });
  const decision = decidePromotion(facts);
  if (decision.kind === "may-not-move") return { proposal, move: null, waitsFor: decision.hindrances };
  const signed = proposal.signOffs.map(({ by }) => by).join(", ");
  const words = `proposal ${proposal.id}${signed === "" ? "" : `, signed by ${signed}`}: ${proposal.reason}`;
  const wish = { source: proposal.source, channel, revision: revision.number, by: proposal.by, reason: words };
  const move = await carryPromotion(doors, wish, { position: facts.position, seen: all.seen }, decision);
  if ("code" in move) return { proposal, move: null, waitsFor: [{ ...move, clears: { by: "time", at: all.now } }] };
  return { proposal: await endAs(doors, proposal, "done", all.now), move, waitsFor: [] };
}

/** The proposal, ended, when its time has passed, its ring is there already or beyond, or its revision is gone. */
async function overBy(doors: ChannelDoors, all: SourceFacts, proposal: Proposal): Promise<Proposal | null> {
  const present = all.positions.get(proposal.channel)?.revision ?? 0;
  // A stop between the move and its record left the ring moved and the proposal open.
  if (present === proposal.revision) return endAs(doors, proposal, "done", all.now);
  if (proposal.expiresAt !== null && all.now >= proposal.expiresAt) return endAs(doors, proposal, "expired", all.now);
  const gone = !all.revisions.some(({ number }) => number === proposal.revision);
  return present > proposal.revision || gone ? endAs(doors, proposal, "overtaken", all.now) : null;
}

async function endAs(
  doors: ChannelDoors,
  proposal: Proposal,
  state: "done" | "expired" | "overtaken",
  at: Instant,
): Promise<Proposal> {
  const ended = await doors.ledger.endProposal(proposal.id, proposal.version, { state, by: NOBODY, at, reason: "" });
  const after = { ...proposal, state };
  if (ended) doors.events.emit("proposal.ended", said(after, NOBODY));
  return after;
}

async function openProposal({ ledger }: ChannelDoors, id: number): Promise<Proposal | Refusal> {
  const proposal = await ledger.proposal(id);
  if (proposal === null) throw new Failure("proposal.unknown", `there is no proposal ${id}`);
  return proposal.state === "open" ? proposal : refuse("proposal.ended", `proposal ${id} is ${proposal.state}`);
}

function changed({ id, version }: Proposal): Refusal {
  return refuse("proposal.changed-meanwhile", `proposal ${id} is not at version ${version} any more; look at it again`);
}

/** What every event about a proposal says. */
function said(proposal: Proposal, by: string): EventRecord["fields"] {
  const { id, version, source, channel, kind, revision, state, reason } = proposal;
  return { proposal: id, version, source, channel, kind, revision, state, by, reason };
}

/** Asks people on the policy's behalf; nothing when a proposal for the channel is open. */
export async function proposeAsPolicy(
  doors: ChannelDoors,
  wish: Pick<Proposal, "source" | "channel" | "revision" | "kind" | "reason">,
): Promise<void> {
  const all = await sourceFacts(doors, wish.source);
  const draft = draftOf(all, { ...wish, expires: null, preview: false }, { name: NOBODY, roles: [] });
  const made = await doors.ledger.addProposal({ ...draft, revision: wish.revision });
  if (made !== null) doors.events.emit("proposal.made", said(made, NOBODY));
}
