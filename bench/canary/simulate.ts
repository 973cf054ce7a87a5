import { type Duration, HOUR } from "../../src/core/kernel/instant.ts";
import type { HealthPolicy } from "../../src/core/model/health-policy.ts";
import { diceOf } from "../../test/fixtures/dice.ts";
import { makeFleet } from "./fleet.ts";
import { HARMS, LIMIT, makeHarm, makeTrial, type Outcome, play, SOAK } from "./releases.ts";

export interface Simulated {
  readonly seed: number;
  readonly fleets: number;
  /** To each fleet, at random times; each is played once as an ordinary release and once as a harmful one. */
  readonly releases: number;
  readonly policy: HealthPolicy;
}

/** How ordinary releases went. Counts, but `median`: of the time until the gate opened. */
interface Ordinary {
  readonly releases: number;
  /** Rings in which never as many canaries are known as the policy asks for: nothing is counted of them. */
  readonly noQuorum: number;
  readonly atTimer: number;
  readonly byLimit: number;
  /** Suspected at any time before the gate opened. */
  readonly alarms: number;
  /** Still suspect when the staleness limit comes, or never opened: a person must decide. */
  readonly falseHolds: number;
  /** Not open at the limit, and not suspected: nobody was there to try it. */
  readonly waits: number;
  readonly median: Duration;
}

interface Harmful {
  readonly releases: number;
  /** The gate opened. */
  readonly misses: number;
  readonly suspected: number;
  readonly median: Duration;
  readonly p95: Duration;
}

export interface Figures {
  readonly ordinary: ReadonlyMap<string, Ordinary>;
  readonly harmful: ReadonlyMap<string, Harmful>;
}

/** Plays every release of every fleet through the real detector and gate. The same seed gives the same figures. */
export function simulate({ seed, fleets, releases, policy }: Simulated): Figures {
  const good: { readonly profile: string; readonly outcome: Outcome }[] = [];
  const bad: { readonly kind: string; readonly outcome: Outcome }[] = [];
  for (let at = 0; at < fleets; at += 1) {
    const dice = diceOf(seed + at);
    const fleet = makeFleet(dice);
    for (let turn = 0; turn < releases; turn += 1) {
      const trial = makeTrial(dice, fleet);
      good.push({ profile: fleet.profile, outcome: play(trial, null, policy) });
      const kind = HARMS[(at * releases + turn) % HARMS.length] ?? HARMS[0];
      bad.push({ kind, outcome: play(trial, makeHarm(dice, trial, kind), policy) });
    }
  }
  const profiles = [...new Set(good.map(({ profile }) => profile))].toSorted();
  return {
    ordinary: new Map([
      ["all", ordinary(good.map(({ outcome }) => outcome))],
      ...profiles.map((each): [string, Ordinary] => [
        each,
        ordinary(good.flatMap(({ profile, outcome }) => (profile === each ? [outcome] : []))),
      ]),
    ]),
    harmful: new Map(
      HARMS.map((each) => [each, harmful(bad.flatMap(({ kind, outcome }) => (kind === each ? [outcome] : [])))]),
    ),
  };
}

function ordinary(outcomes: readonly Outcome[]): Ordinary {
  const able = outcomes.filter(({ quorum }) => quorum);
  const count = (test: (outcome: Outcome) => boolean): number => able.filter(test).length;
  const openedBy = (limit: Duration) => (outcome: Outcome) => outcome.opened !== null && outcome.opened <= limit;
  return {
    releases: outcomes.length,
    noQuorum: outcomes.length - able.length,
    atTimer: count(openedBy(SOAK)),
    byLimit: count(openedBy(LIMIT)),
    alarms: count(({ suspected }) => suspected !== null),
    falseHolds: count(({ suspectAtLimit, opened }) => suspectAtLimit || opened === null),
    waits: count((outcome) => !openedBy(LIMIT)(outcome) && !outcome.suspectAtLimit),
    median: quantile(
      able.map(({ opened }) => opened ?? Number.POSITIVE_INFINITY),
      0.5,
    ),
  };
}

function harmful(outcomes: readonly Outcome[]): Harmful {
  const delays = outcomes.flatMap(({ delay }) => (delay === null ? [] : [delay]));
  return {
    releases: outcomes.length,
    misses: outcomes.filter(({ opened }) => opened !== null).length,
    suspected: delays.length,
    median: quantile(delays, 0.5),
    p95: quantile(delays, 0.95),
  };
}

function quantile(values: readonly number[], at: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * at)] ?? Number.NaN;
}

/** The share of false holds among ordinary releases, of misses among those that silence at least half. */
export function goalsOf({ ordinary: good, harmful: bad }: Figures): {
  readonly falseHolds: number;
  readonly misses: number;
} {
  const all = good.get("all");
  const half = HARMS.slice(0, 3).flatMap((kind) => bad.get(kind) ?? []);
  const sum = (pick: (each: Harmful) => number): number => half.reduce((total, each) => total + pick(each), 0);
  return {
    falseHolds: (all?.falseHolds ?? 0) / ((all?.releases ?? 0) - (all?.noQuorum ?? 0)),
    misses: sum(({ misses }) => misses) / sum((each) => each.releases),
  };
}

export function hours(duration: Duration): string {
  return Number.isFinite(duration) ? (duration / HOUR).toFixed(1) : "–";
}
