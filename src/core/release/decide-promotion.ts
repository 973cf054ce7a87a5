import { type Refusal, type RefusalCode, refuse } from "../kernel/errors.ts";
import { formatDuration, formatInstant, type Instant } from "../kernel/instant.ts";
import type { ChannelPosition } from "../model/channel.ts";
import type { ReleasePolicy, RingPolicy, SignOffDemand } from "../model/policy.ts";
import type { Proposal } from "../model/proposal.ts";
import { type Restraint, restraintText } from "../model/restraint.ts";
import type { Revision } from "../model/revision.ts";
import type { HealthVerdict } from "./health.ts";
import { demandsText, missingSignOffs, strictest } from "./sign-offs.ts";
import type { Stay } from "./stay.ts";
import { isOpen, nextOpening } from "./windows.ts";

/** What would make a hindrance go away. */
type Clears =
  | { readonly by: "time"; readonly at: Instant }
  | { readonly by: "sign-off"; readonly missing: readonly SignOffDemand[] }
  | { readonly by: "clients" }
  /** A person, by this command or by waiting no longer. */
  | { readonly by: "person"; readonly how: string }
  | { readonly by: "nothing" };

/** One of the reasons why a ring does not move, by its code. */
export interface Hindrance {
  readonly code: RefusalCode;
  readonly detail: string;
  readonly clears: Clears;
}

/** A channel may move to this revision. */
export interface MayMove {
  readonly kind: "may-move";
  readonly revision: Revision;
  /** What would have stood in the way, and was overruled by the staleness limit, a lane or an emergency. */
  readonly overruled: readonly Hindrance[];
}

/** It may not, for all of these reasons; a missing sign-off stands last. */
export interface MayNotMove {
  readonly kind: "may-not-move";
  readonly hindrances: readonly [Hindrance, ...Hindrance[]];
}

/** Everything that the decision rests on: facts, gathered by whoever asks. */
export interface PromotionFacts {
  readonly now: Instant;
  /** The configured channels in order of promotion. */
  readonly channels: readonly string[];
  readonly policy: ReleasePolicy;
  readonly channel: string;
  readonly revision: Revision;
  readonly position: ChannelPosition | null;
  /** Its stay in the ring before; of the first ring, none is needed. */
  readonly before: Stay;
  /** Its stay in the first ring. */
  readonly atFirst: Stay;
  /** Whether the last move of this ring was a rollback. */
  readonly takenBack: boolean;
  /** Since when the ring has been without something that was accepted. */
  readonly laggingSince: Instant | null;
  /** Of the ring before; `null` where the policy asks for none. */
  readonly health: HealthVerdict | null;
  /** Active ones that this move would break. */
  readonly restraints: readonly Restraint[];
  /** Why nothing of this channel or source is served at the moment; `null`: it is. */
  readonly shutOff: string | null;
  /** A proposal for exactly this move. */
  readonly proposal: Proposal | null;
  /** `policy`: nobody asked, the daemon looks whether it may by itself. */
  readonly asked: "person" | "policy";
}

/** When a ring is overdue; `null`: it has the newest, or no limit is set. */
export function overdueAt(ring: Pick<RingPolicy, "staleness">, laggingSince: Instant | null): Instant | null {
  return laggingSince === null || ring.staleness === undefined || ring.staleness === 0
    ? null
    : laggingSince + ring.staleness;
}

/** Whether a channel may be promoted to a revision, or everything that stands in its way. Pure. */
export function decidePromotion(facts: PromotionFacts): MayMove | MayNotMove {
  const { policy, channel, channels } = facts;
  const index = policy.rings.findIndex((each) => each.channel === channel);
  const ring = policy.rings[index];
  if (ring === undefined) {
    const how = `ringfort policy set ${facts.revision.source}`;
    return mayNot([hindrance("promotion.no-ring", `${channel} is no ring of this source's policy`, person(how))]);
  }
  const first = channels[0] === channel;
  // A configuration that puts another channel first must not make a late ring the one that a sync moves.
  if (policy.rings[0]?.channel !== channels[0]) {
    const detail = `the policy begins with ${policy.rings[0]?.channel ?? "nothing"}, the configuration with ${channels[0] ?? "nothing"}`;
    return mayNot([hindrance("promotion.no-ring", detail, person(`ringfort policy set ${facts.revision.source}`))]);
  }
  const whole = [...never(facts, first), ...order(facts, index), ...orders(facts)];
  if (first) return verdict(facts, whole, []);
  return verdict(facts, whole, paced(facts, ring, index));
}

/** A refusal of the first hindrance, with all of them in its detail, one in a line. */
export function refusalOf({ hindrances }: MayNotMove): Refusal {
  const [first] = hindrances;
  const lines = hindrances.map(({ code, detail, clears }) => `${code}: ${detail}${clearsText(clears)}`);
  return hindrances.length === 1
    ? refuse(first.code, `${first.detail}${clearsText(first.clears)}`)
    : refuse(first.code, lines.join("\n"));
}

function clearsText(clears: Clears): string {
  switch (clears.by) {
    case "time":
      return `; until ${formatInstant(clears.at)}`;
    case "sign-off":
      return `; needs ${demandsText(clears.missing)}`;
    case "clients":
      return "; clears as clients come back";
    case "person":
      return `; ${clears.how}`;
    case "nothing":
      return "";
  }
}

function hindrance(code: RefusalCode, detail: string, clears: Clears): Hindrance {
  return { code, detail, clears };
}

function person(how: string): Clears {
  return { by: "person", how };
}

/** What no lane, no limit and no emergency overrules. */
function never({ revision, position, channel }: PromotionFacts, first: boolean): readonly Hindrance[] {
  const nothing = { by: "nothing" } as const;
  const found: Hindrance[] = [];
  if (!first && revision.unsigned)
    found.push(
      hindrance(
        "promotion.unsigned-source",
        `revision ${revision.number} of ${revision.source} was accepted with trust "none"`,
        nothing,
      ),
    );
  if (position?.revision === revision.number)
    found.push(hindrance("promotion.already-there", `${channel} is at revision ${revision.number}`, nothing));
  if (position !== null && revision.number < position.revision)
    found.push(
      hindrance(
        "promotion.not-newer",
        `${channel} is at revision ${position.revision}; revision ${revision.number} is older`,
        nothing,
      ),
    );
  return found;
}

/** The ring before has shown it and still stands by it; for an emergency, the first ring. */
function order(facts: PromotionFacts, index: number): readonly Hindrance[] {
  if (index === 0) return [];
  const { policy, channels, revision, proposal } = facts;
  const missing = policy.rings.slice(0, index).find((each) => !channels.includes(each.channel));
  if (missing !== undefined && proposal?.kind !== "emergency") {
    const detail = `the policy names the ring ${missing.channel}, and no such channel is configured`;
    return [hindrance("promotion.no-ring", detail, person(`ringfort policy set ${revision.source}`))];
  }
  const emergency = proposal?.kind === "emergency";
  const before = (emergency ? policy.rings[0] : policy.rings[index - 1])?.channel ?? "";
  const stay = emergency ? facts.atFirst : facts.before;
  if (stay.since !== null) return [];
  const how = person(`ringfort promote ${revision.source} --to ${before} --revision ${revision.number}`);
  return stay.withdrawn
    ? [hindrance("promotion.withdrawn", `${before} was taken back from revision ${revision.number}`, how)]
    : [hindrance("promotion.not-in-earlier-channel", `revision ${revision.number} has never been in ${before}`, how)];
}

/** Holds, pins, blocks, and a channel that serves nothing. */
function orders({ restraints, shutOff, channel }: PromotionFacts): readonly Hindrance[] {
  const found = restraints.map(({ id, on, by, reason, expiresAt }) => {
    const code = on.kind === "hold" ? "channel.held" : on.kind === "pin" ? "channel.pinned" : "revision.blocked";
    const clears: Clears = expiresAt === null ? person(`ringfort release ${id}`) : { by: "time", at: expiresAt };
    return hindrance(code, `${restraintText(on)}, by ${by}${reason === "" ? "" : `: ${reason}`}`, clears);
  });
  if (shutOff !== null)
    found.push(hindrance("channel.shut-off", `${channel} serves nothing: ${shutOff}`, person("ringfort resume")));
  return found;
}

interface Paced {
  readonly hindrance: Hindrance;
  readonly overruledBy: "limit" | "lane" | "emergency" | null;
}

/** What the policy asks of time, health and people; some of it may be overruled. */
function paced(facts: PromotionFacts, ring: RingPolicy, index: number): readonly Paced[] {
  const { asked, takenBack, proposal, revision } = facts;
  const found: Paced[] = [];
  const alone = asked === "policy" && proposal === null;
  const by = person(`ringfort promote ${revision.source} --to ${ring.channel}`);
  if (alone && !ring.automatic)
    found.push(plain(hindrance("promotion.by-hand", `the policy leaves ${ring.channel} to a person`, by)));
  if (alone && takenBack) {
    const detail = `${ring.channel} was rolled back; a person moves it forward again`;
    found.push(plain(hindrance("promotion.after-rollback", detail, by)));
  }
  found.push(...soaking(facts, ring, index), ...unwell(facts, ring), ...outsideHours(facts, ring));
  return [...found, ...unsigned(facts, ring)];
}

function plain(each: Hindrance): Paced {
  return { hindrance: each, overruledBy: null };
}

function soaking(facts: PromotionFacts, ring: RingPolicy, index: number): readonly Paced[] {
  const { before, now, proposal, policy, laggingSince } = facts;
  const soak =
    proposal?.kind === "security" && ring.lane !== undefined ? Math.min(ring.lane.soak, ring.soak) : ring.soak;
  const since = before.since ?? now;
  if (now - since >= soak || soak === 0) return [];
  const earlier = policy.rings[index - 1]?.channel ?? "";
  const detail = `in ${earlier} for ${formatDuration(Math.max(0, now - since))} of ${formatDuration(soak)}`;
  const limit = overdueAt(ring, laggingSince);
  const late = ring.collision === "release" && limit !== null && now >= limit;
  const early = proposal?.kind === "early";
  const overruledBy = proposal?.kind === "emergency" ? "emergency" : late || early ? "limit" : null;
  return [{ hindrance: hindrance("promotion.soaking", detail, { by: "time", at: since + soak }), overruledBy }];
}

function unwell({ health, proposal }: PromotionFacts, ring: RingPolicy): readonly Paced[] {
  if (ring.health === undefined || health?.kind === "healthy") return [];
  const overruledBy = proposal?.kind === "emergency" ? "emergency" : null;
  const reasons = health?.reasons.map(({ code, detail }) => `${code} (${detail})`).join(", ") ?? "nothing is known";
  const suspect = health?.kind === "suspect";
  const code = suspect ? "promotion.health-suspect" : "promotion.health-unproven";
  const clears: Clears = suspect
    ? person("look at these clients; ringfort rollback, or an emergency")
    : { by: "clients" };
  return [{ hindrance: hindrance(code, reasons, clears), overruledBy }];
}

function outsideHours({ now, proposal, policy: { zone } }: PromotionFacts, ring: RingPolicy): readonly Paced[] {
  if (isOpen(ring, zone, now)) return [];
  const at = nextOpening(ring, zone, now);
  const clears: Clears = at === null ? person("ringfort policy set: it never opens") : { by: "time", at };
  const overruledBy = proposal?.kind === "emergency" ? "emergency" : null;
  return [
    {
      hindrance: hindrance("promotion.outside-hours", `${ring.channel} does not move now (${zone})`, clears),
      overruledBy,
    },
  ];
}

/** Everything that the rules ask for together: of several, the strictest for each role. */
export function demandsFor(policy: ReleasePolicy, ring: RingPolicy, kind: Proposal["kind"]): readonly SignOffDemand[] {
  const extra: Readonly<Record<Proposal["kind"], readonly SignOffDemand[]>> = {
    promotion: [],
    security: ring.lane?.signOffs ?? [],
    early: [{ role: "approver", people: 1 }],
    emergency: policy.emergency.signOffs,
  };
  return strictest([ring.signOffs, extra[kind]]);
}

function unsigned({ policy, proposal }: PromotionFacts, ring: RingPolicy): readonly Paced[] {
  const demands = strictest([demandsFor(policy, ring, proposal?.kind ?? "promotion"), proposal?.demands ?? []]);
  const missing = missingSignOffs(demands, proposal?.signOffs ?? [], proposal?.authors ?? []);
  if (missing.length === 0) return [];
  const detail = proposal === null ? "nobody has proposed it" : `proposal ${proposal.id} waits`;
  return [plain(hindrance("promotion.sign-off-missing", detail, { by: "sign-off", missing }))];
}

function verdict(
  { revision }: PromotionFacts,
  whole: readonly Hindrance[],
  some: readonly Paced[],
): MayMove | MayNotMove {
  const standing = some.filter(({ overruledBy }) => overruledBy === null);
  const all = [...whole, ...standing.map((each) => each.hindrance)];
  if (all.length > 0) return mayNot(all);
  return { kind: "may-move", revision, overruled: some.map((each) => each.hindrance) };
}

function mayNot(all: readonly Hindrance[]): MayNotMove {
  const [first, ...rest] = all;
  if (first === undefined) throw new Error("refused for no reason");
  return { kind: "may-not-move", hindrances: [first, ...rest] };
}
