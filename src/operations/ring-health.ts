import { setImmediate } from "node:timers/promises";
import type { Instant } from "../core/kernel/instant.ts";
import type { ClientReport } from "../core/model/client-sighting.ts";
import type { HealthPolicy } from "../core/model/health-policy.ts";
import type { Ledger } from "../core/ports.ts";
import { type CanarySightings, type CanaryWords, type RingStanding, ringStanding } from "../core/release/canaries.ts";
import { type HealthVerdict, judgeHealth, type Testimony } from "../core/release/health.ts";
import { learnRhythm, type Rhythm } from "../core/release/rhythm.ts";

/** One revision in one ring, and what the policy of the next ring asks of it. */
export interface RingQuestion {
  readonly source: string;
  readonly ring: string;
  readonly revision: number;
  readonly policy: HealthPolicy;
  readonly now: Instant;
}

export interface RingHealth {
  readonly verdict: HealthVerdict;
  readonly standing: RingStanding;
  /** When the ring was first moved to the revision; `null`: it never was. */
  readonly offeredAt: Instant | null;
}

const ALL_MOVES = 1_000_000;
/** Canaries that are judged: of a larger ring those that are known longest, which tell as much and cost no more. */
const MOST_JUDGED = 2_000;
/** Reports that are looked at: the newest of each client and subject. */
const MOST_REPORTS = 100_000;
const NOBODY: RingStanding = {
  tally: { known: 0, fetched: 0, proven: 0, silent: 0, newcomers: 0, silentSince: null, sureness: 0 },
  canaries: [],
};

/** What the sightings of a ring and the evidence say of a revision, as the release decision asks it. */
export async function ringHealth(
  { ledger }: { readonly ledger: Ledger },
  { source, ring, revision, policy, now }: RingQuestion,
): Promise<RingHealth> {
  const moves = await ledger.moves(source, ALL_MOVES);
  const offeredAt = moves.findLast((move) => move.channel === ring && move.to === revision)?.at ?? null;
  const testimonies = (await ledger.evidence(source, revision)).flatMap(({ name, outcome, code, at }): Testimony[] =>
    outcome === "note" ? [] : [{ name, outcome, code, at }],
  );
  const standing =
    offeredAt === null ? NOBODY : await standingOf(ledger, { source, ring, revision, policy, now }, offeredAt);
  return { verdict: judgeHealth(policy, standing.tally, testimonies), standing, offeredAt };
}

async function standingOf(
  ledger: Ledger,
  { source, ring, revision, policy, now }: RingQuestion,
  offeredAt: Instant,
): Promise<RingStanding> {
  const seen = await ledger.sightings.canaries(source, ring, revision, MOST_JUDGED);
  const reports = await ledger.sightings.reports(ring, offeredAt, MOST_REPORTS);
  const rhythms = await rhythmsOf(seen, offeredAt);
  return ringStanding(seen, policy, { offeredAt, now }, { rhythms, words: wordsOf(seen, reports, source) });
}

/** Learnt so many at a time: a ring of thousands takes some tenths of a second, in which nobody else would be served. */
const LEARNT_AT_ONCE = 50;

async function rhythmsOf(
  seen: readonly CanarySightings[],
  offeredAt: Instant,
): Promise<ReadonlyMap<string, Rhythm | null>> {
  const rhythms = new Map<string, Rhythm | null>();
  for (const [at, { client, hours }] of seen.entries()) {
    if (at % LEARNT_AT_ONCE === LEARNT_AT_ONCE - 1) await setImmediate();
    rhythms.set(client, learnRhythm(hours, offeredAt));
  }
  return rhythms;
}

/**
 * What canaries say of themselves, by the address that a report came from: the program that reports is seldom the one
 * that fetches. A report that names no source speaks of the machine, and so of every source.
 */
function wordsOf(
  seen: readonly CanarySightings[],
  reports: readonly ClientReport[],
  source: string,
): ReadonlyMap<string, CanaryWords> {
  const byAddress = new Map<string, { wellAt: Instant | null; unwellAt: Instant | null }>();
  for (const { at, client, outcome, source: about } of reports) {
    if (about !== "" && about !== source) continue;
    const words = byAddress.get(client.name) ?? { wellAt: null, unwellAt: null };
    if (outcome === "failed") words.unwellAt = Math.max(words.unwellAt ?? 0, at);
    else words.wellAt = Math.max(words.wellAt ?? 0, at);
    byAddress.set(client.name, words);
  }
  const words = new Map<string, CanaryWords>();
  for (const { client, address } of seen) {
    const said = byAddress.get(address);
    if (said !== undefined) words.set(client, said);
  }
  return words;
}
