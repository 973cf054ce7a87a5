import type { Duration, Instant } from "../kernel/instant.ts";
import type { HealthPolicy } from "../model/health-policy.ts";
import type { HoursSeen } from "../model/hours-seen.ts";
import { type CanaryTally, toleratedSilence } from "./health.ts";
import { afterAwake, awakeBetween, learnRhythm, type Rhythm, sureOfSilence } from "./rhythm.ts";

/** What the server saw of one client of a ring, about one revision of one source. */
export interface CanarySightings {
  readonly client: string;
  /** The address that it was seen at, or the name of its certificate. */
  readonly address: string;
  /** What a client keeps when it gets another address: its User-Agent, and the network that it is in. */
  readonly likeness: string;
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  readonly hours: HoursSeen;
  /** Its first fetch of the revision. */
  readonly fetchedAt: Instant | null;
  /** Visits since. */
  readonly returns: number;
  /** Its first fetch of a later revision of the source. */
  readonly supersededAt: Instant | null;
}

/**
 * Where a canary stands. `newcomer`: no rhythm yet; `expected`: has not fetched it yet; `absent`: has not, and misses its
 * rhythm too, so that it says nothing; `proven`: came back often and late enough, and keeps its rhythm;
 * `awaited`: not yet; `silent`: misses its rhythm; `unwell`: says so itself; `moved`: silent, but another of its kind has appeared since, as when
 * an address is given anew.
 */
export type CanaryState = "newcomer" | "expected" | "absent" | "awaited" | "proven" | "silent" | "unwell" | "moved";

export interface CanaryStanding {
  readonly client: string;
  readonly state: CanaryState;
  readonly fetchedAt: Instant | null;
  readonly returns: number;
  readonly lastSeen: Instant;
  /** The usual time between its visits while it is awake, where it has a rhythm. */
  readonly step: Duration | null;
  /** When it counts as silent unless it comes back; of a silent one, since when it does. */
  readonly silentFrom: Instant | null;
  /** Of a silent one: how sure that is, 0 to 1, from its own past. */
  readonly sureness: number | null;
}

/** When a ring began to offer the revision, and when it is asked. Rhythms are learned of what was before the offer. */
export interface Offer {
  readonly offeredAt: Instant;
  readonly now: Instant;
}

/** What a canary has said of itself: by one line of `curl`, or by its agent. The last of each. */
export interface CanaryWords {
  readonly wellAt: Instant | null;
  readonly unwellAt: Instant | null;
}

/** A word of well-being after its fetch is as good as a visit. */
function withWords(seen: CanarySightings, words: CanaryWords | undefined): CanarySightings {
  const { fetchedAt, lastSeen, returns } = seen;
  const wellAt = words?.wellAt ?? null;
  if (fetchedAt === null || wellAt === null || wellAt <= fetchedAt) return seen;
  return { ...seen, lastSeen: Math.max(lastSeen, wellAt), returns: returns + 1 };
}

/** One that counts and has said since its fetch that it is unwell, and nothing better since, speaks against the revision. */
function unwell(standing: CanaryStanding, words: CanaryWords | undefined): CanaryStanding {
  const { state, fetchedAt } = standing;
  const at = words?.unwellAt ?? null;
  if (fetchedAt === null || at === null || at <= fetchedAt || (words?.wellAt ?? 0) > at) return standing;
  return state === "awaited" || state === "proven" || state === "silent"
    ? { ...standing, state: "unwell", silentFrom: at, sureness: 1 }
    : standing;
}

/** Where one canary stands. Another sighting of it never makes it more suspect. Pure. */
export function canaryStanding(
  seen: CanarySightings,
  policy: Pick<HealthPolicy, "returns" | "watch">,
  { offeredAt, now }: Offer,
  rhythm: Rhythm | null = learnRhythm(seen.hours, offeredAt),
): CanaryStanding {
  const { client, fetchedAt, returns, lastSeen, supersededAt } = seen;
  const place = { client, fetchedAt, returns, lastSeen, step: rhythm?.step ?? null, sureness: null };
  if (rhythm === null) return { ...place, state: "newcomer", silentFrom: null };
  const silentFrom = afterAwake(rhythm, lastSeen, rhythm.patience);
  const silent = silentFrom !== null && silentFrom <= now;
  if (fetchedAt === null) return { ...place, state: silent ? "absent" : "expected", silentFrom };
  const often = returns >= policy.returns;
  // Silence that began after a later revision, when this one had stood its watch, is not this one's.
  if (often && supersededAt !== null && supersededAt - fetchedAt >= policy.watch)
    return { ...place, state: "proven", silentFrom: null };
  if (silent)
    return {
      ...place,
      state: "silent",
      silentFrom,
      sureness: sureOfSilence(rhythm, awakeBetween(rhythm, lastSeen, now)),
    };
  return { ...place, state: often && lastSeen - fetchedAt >= policy.watch ? "proven" : "awaited", silentFrom };
}

export interface RingStanding {
  readonly tally: CanaryTally;
  readonly canaries: readonly CanaryStanding[];
}

interface RingKnowledge {
  /** By client, where they are known already. */
  readonly rhythms?: ReadonlyMap<string, Rhythm | null>;
  readonly words?: ReadonlyMap<string, CanaryWords>;
}

/** A canary that is left out of account falls silent in so much of its time, at least: what chance is measured by. */
const ACCIDENT = 0.03;

/** Where every client of a ring stands towards one revision, and their count. Pure. */
export function ringStanding(
  seen: readonly CanarySightings[],
  policy: HealthPolicy,
  offer: Offer,
  { rhythms, words }: RingKnowledge = {},
): RingStanding {
  const canaries = movedApart(
    seen,
    seen.map((each) => {
      const said = words?.get(each.client);
      return unwell(canaryStanding(withWords(each, said), policy, offer, rhythms?.get(each.client)), said);
    }),
  );
  return { tally: tallyOf(canaries, policy), canaries };
}

/** A silent canary and a newcomer of its kind that has appeared since are taken for one machine with a new address. */
function movedApart(seen: readonly CanarySightings[], standings: readonly CanaryStanding[]): readonly CanaryStanding[] {
  const newcomers = new Map<string, Instant[]>();
  for (const [at, { likeness, firstSeen }] of seen.entries()) {
    const state = standings[at]?.state;
    if (state === "newcomer") newcomers.set(likeness, [...(newcomers.get(likeness) ?? []), firstSeen]);
  }
  return standings.map((standing, at) => {
    const kin = newcomers.get(seen[at]?.likeness ?? "");
    if (standing.state !== "silent" || kin === undefined) return standing;
    const found = kin.findIndex((firstSeen) => firstSeen > standing.lastSeen);
    if (found === -1) return standing;
    kin.splice(found, 1);
    return { ...standing, state: "moved", sureness: null };
  });
}

function tallyOf(canaries: readonly CanaryStanding[], policy: HealthPolicy): CanaryTally {
  const count = (state: CanaryState): number => canaries.filter((each) => each.state === state).length;
  const [awaited, proven, silent] = [count("awaited"), count("proven"), count("silent") + count("unwell")];
  const fetched = awaited + proven + silent;
  const since = canaries
    .flatMap(({ state, silentFrom }) =>
      (state === "silent" || state === "unwell") && silentFrom !== null ? [silentFrom] : [],
    )
    .toSorted((a, b) => a - b);
  return {
    known: fetched + count("expected"),
    fetched,
    proven,
    silent,
    newcomers: count("newcomer"),
    silentSince: since[toleratedSilence(policy, fetched)] ?? null,
    sureness: silent === 0 ? 0 : 1 - chanceOfAtLeast(silent, fetched, ACCIDENT),
  };
}

/** The chance that of `all`, each with chance `p`, at least `some` do: the binomial's upper tail, summed downwards. */
function chanceOfAtLeast(some: number, all: number, p: number): number {
  let term = all * Math.log1p(-p);
  let below = Math.exp(term);
  for (let at = 1; at < some; at += 1) {
    term += Math.log((all - at + 1) / at) + Math.log(p / (1 - p));
    below += Math.exp(term);
  }
  return Math.max(0, 1 - below);
}
