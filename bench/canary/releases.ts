import { DAY, type Duration, HOUR, type Instant, MINUTE } from "../../src/core/kernel/instant.ts";
import type { HealthPolicy } from "../../src/core/model/health-policy.ts";
import { NO_HOURS, sameVisit } from "../../src/core/model/hours-seen.ts";
import { type CanarySightings, ringStanding } from "../../src/core/release/canaries.ts";
import { type HealthVerdict, judgeHealth } from "../../src/core/release/health.ts";
import { learnRhythm, type Rhythm } from "../../src/core/release/rhythm.ts";
import type { Dice } from "../../test/fixtures/dice.ts";
import { type Fleet, HORIZON, hoursUntil, RELEASES_FROM, RELEASES_UNTIL, type Visit } from "./fleet.ts";

/** The least soak of the signature preset, and its staleness limit: when a ring must have it, or a person is asked. */
export const SOAK: Duration = 4 * HOUR;
export const LIMIT: Duration = 24 * HOUR;

/** The first three silence at least half of the canaries that are alive; the last fewer, and no goal is set for it. */
export const HARMS = ["at once", "after 2 h", "some models", "a quarter to a half"] as const;
type HarmKind = (typeof HARMS)[number];

/** For each machine, how long after its fetch it falls silent for good; absent: never. */
type Harm = ReadonlyMap<number, Duration>;

/** One release to a fleet's first ring, with what the server knew of each client before. */
export interface Trial {
  readonly fleet: Fleet;
  readonly at: Instant;
  readonly rhythms: ReadonlyMap<string, Rhythm | null>;
  /** Visits from the release on, and the last one before it, of each identity. */
  readonly later: readonly { readonly visits: readonly Visit[]; readonly last: Instant; readonly first: Instant }[];
  /** Machines that would come within the horizon, and so take the update. */
  readonly alive: readonly number[];
}

export function makeTrial(dice: Dice, fleet: Fleet): Trial {
  const at = RELEASES_FROM + dice.number(RELEASES_UNTIL - RELEASES_FROM);
  const rhythms = new Map<string, Rhythm | null>();
  const alive = new Set<number>();
  const later = fleet.identities.map(({ client, visits }) => {
    rhythms.set(client, learnRhythm(hoursUntil(visits, at), at));
    let last = 0;
    for (const visit of visits) {
      if (visit.at < at) last = visit.at;
      else if (visit.at < at + HORIZON) alive.add(visit.machine);
    }
    return {
      visits: visits.filter((visit) => visit.at >= at && visit.at < at + HORIZON),
      last,
      first: visits[0]?.at ?? at,
    };
  });
  return { fleet, at, rhythms, later, alive: [...alive] };
}

/** Harm to some machines or to all of some models. One machine in four restarts at first, and comes once or twice more. */
export function makeHarm(dice: Dice, { fleet, alive }: Trial, kind: HarmKind): Harm {
  const struck =
    kind === "some models"
      ? someModels(dice, fleet, alive)
      : someMachines(dice, alive, kind === "a quarter to a half" ? [25, 20] : [50, 51]);
  const delay = (): Duration =>
    kind === "after 2 h"
      ? 2 * HOUR + dice.number(20 * MINUTE) - 10 * MINUTE
      : dice.number((dice.once(4) ? 70 : 10) * MINUTE);
  return new Map(struck.map((machine) => [machine, delay()]));
}

function someMachines(
  dice: Dice,
  alive: readonly number[],
  [least, spread]: readonly [number, number],
): readonly number[] {
  const rest = [...alive];
  const count = Math.ceil((alive.length * (least + dice.number(spread))) / 100);
  return Array.from({ length: Math.min(count, alive.length) }, () => rest.splice(dice.number(rest.length), 1)[0] ?? 0);
}

function someModels(dice: Dice, { models }: Fleet, alive: readonly number[]): readonly number[] {
  const left = [...new Set(models)];
  const struck: number[] = [];
  while (struck.length * 2 < alive.length) {
    const [model] = left.splice(dice.number(left.length), 1);
    struck.push(...alive.filter((machine) => models[machine] === model));
  }
  return struck;
}

/** What a server would have seen by `now`: visits of machines that the harm has not yet silenced. */
class Watch {
  readonly #trial: Trial;
  readonly #seen: { visits: readonly Visit[]; next: number; sightings: CanarySightings }[];

  constructor(trial: Trial, harm: Harm | null) {
    this.#trial = trial;
    const dies = harm === null ? new Map<number, Instant>() : deaths(trial, harm);
    this.#seen = trial.later.map(({ visits, last, first }, at) => ({
      visits: dies.size === 0 ? visits : visits.filter((visit) => visit.at <= (dies.get(visit.machine) ?? visit.at)),
      next: 0,
      sightings: {
        address: "",
        client: trial.fleet.identities[at]?.client ?? "",
        likeness: trial.fleet.identities[at]?.likeness ?? "",
        firstSeen: first,
        lastSeen: last,
        hours: NO_HOURS,
        fetchedAt: null,
        returns: 0,
        supersededAt: null,
      },
    }));
  }

  until(now: Instant): readonly CanarySightings[] {
    for (const each of this.#seen) {
      let { lastSeen, fetchedAt, returns } = each.sightings;
      const from = each.next;
      for (let visit = each.visits[each.next]; visit !== undefined && visit.at <= now; visit = each.visits[each.next]) {
        if (fetchedAt === null) fetchedAt = visit.at;
        else if (!sameVisit(lastSeen, visit.at)) returns += 1;
        lastSeen = visit.at;
        each.next += 1;
      }
      if (each.next > from) each.sightings = { ...each.sightings, lastSeen, fetchedAt, returns };
    }
    return this.#seen.map(({ sightings }) => sightings).filter(({ firstSeen }) => firstSeen <= now);
  }

  verdict(policy: HealthPolicy, now: Instant): HealthVerdict {
    const { at, rhythms } = this.#trial;
    return judgeHealth(policy, ringStanding(this.until(now), policy, { offeredAt: at, now }, { rhythms }).tally, []);
  }
}

/** A machine dies so long after its own first visit since the release. */
function deaths({ later }: Trial, after: Harm): ReadonlyMap<number, Instant> {
  const dies = new Map<number, Instant>();
  for (const { at, machine } of later.flatMap(({ visits }) => visits).toSorted((a, b) => a.at - b.at)) {
    const delay = after.get(machine);
    if (delay !== undefined && !dies.has(machine)) dies.set(machine, at + delay);
  }
  return dies;
}

/** How one release went: times are counted from the release. */
export interface Outcome {
  readonly quorum: boolean;
  /** When the gate opened, no sooner than the soak; `null`: not within the horizon. */
  readonly opened: Duration | null;
  /** When it first suspected the revision, and whether it did so at the staleness limit. */
  readonly suspected: Duration | null;
  readonly suspectAtLimit: boolean;
  /** Since the first machine fell silent. */
  readonly delay: Duration | null;
}

/** Plays one release through the gate: looked at every quarter of an hour for a day, then every hour. */
export function play(trial: Trial, harm: Harm | null, policy: HealthPolicy): Outcome {
  const watch = new Watch(trial, harm);
  const began = harm === null ? 0 : Math.min(...deaths(trial, harm).values()) - trial.at;
  let quorum = false;
  let suspected: Duration | null = null;
  let suspectAtLimit = false;
  for (let since = 15 * MINUTE; since <= HORIZON; since += since < DAY ? 15 * MINUTE : HOUR) {
    const { kind, tally } = watch.verdict(policy, trial.at + since);
    quorum ||= tally.known >= policy.canaries;
    if (kind === "healthy" && since >= SOAK)
      return { quorum, opened: since, suspected, suspectAtLimit, delay: suspected === null ? null : suspected - began };
    if (kind !== "suspect") continue;
    suspected ??= since;
    suspectAtLimit ||= since === LIMIT;
    if (harm !== null && since >= LIMIT) break;
  }
  return { quorum, opened: null, suspected, suspectAtLimit, delay: suspected === null ? null : suspected - began };
}
