import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { MONDAY, office, sightingsOf, visits } from "../../../test/fixtures/visits.ts";
import { DAY, HOUR, type Instant, MINUTE } from "../kernel/instant.ts";
import { healthPolicy } from "../model/health-policy.ts";
import { type CanaryState, canaryStanding, ringStanding } from "./canaries.ts";
import { learnRhythm } from "./rhythm.ts";

const POLICY = healthPolicy.parse({ returns: 2, watch: "3h", silent: { count: 1, share: 0.2 } });
const WEEK = 7 * DAY;
const POLICY_ONCE = { ...POLICY, returns: 1 };
/** Eight weeks of history, then the revision. */
const OFFERED = MONDAY + 8 * WEEK;

function stateAt(times: readonly Instant[], now: Instant): CanaryState {
  const seen = times.filter((at) => at <= now);
  return canaryStanding(sightingsOf(seen, OFFERED), POLICY, { offeredAt: OFFERED, now }).state;
}

test("a client of five minutes is silent within the hour, and proven when it goes on coming", () => {
  const dies = visits(MONDAY, OFFERED + 20 * MINUTE, 5 * MINUTE);
  assert.equal(stateAt(dies, OFFERED + 30 * MINUTE), "awaited");
  assert.equal(stateAt(dies, OFFERED + HOUR), "silent");
  const lives = visits(MONDAY, OFFERED + DAY, 5 * MINUTE);
  assert.equal(stateAt(lives, OFFERED + 2 * HOUR), "awaited");
  assert.equal(stateAt(lives, OFFERED + 3.5 * HOUR), "proven");
});

test("silence that begins after two hours is found: the client had come back, and is not proven", () => {
  const slow = visits(MONDAY, OFFERED + 2 * HOUR, 15 * MINUTE);
  for (let at = OFFERED; at < OFFERED + DAY; at += 10 * MINUTE) assert.notEqual(stateAt(slow, at), "proven");
  assert.equal(stateAt(slow, OFFERED + 3.5 * HOUR), "silent");
});

test("a daily client is awaited through the next day, and silent some hours after it misses it", () => {
  const daily = visits(MONDAY + 3 * HOUR, OFFERED + 4 * HOUR, DAY);
  assert.equal(stateAt(daily, OFFERED + 3 * HOUR + 30 * HOUR), "awaited");
  assert.equal(stateAt(daily, OFFERED + 3 * HOUR + 48 * HOUR), "silent");
});

test("a laptop sleeps at night and over the weekend without being silent", () => {
  const friday = OFFERED - WEEK + 4 * DAY + 15 * HOUR;
  const before = visits(MONDAY, friday + 2 * HOUR, 30 * MINUTE, office);
  const standing = (times: readonly Instant[], now: Instant): CanaryState =>
    canaryStanding(sightingsOf(times, friday), POLICY, { offeredAt: friday, now }).state;
  for (const hours of [3, 12, 30, 60, 65])
    assert.equal(standing(before, friday + hours * HOUR), "awaited", `${hours} h`);
  // Monday at 9 it should come, and at 13 nobody waits any more.
  assert.equal(standing(before, friday + 70 * HOUR), "silent");
  const back = [...before, friday + 66 * HOUR, friday + 66.5 * HOUR];
  assert.equal(standing(back, friday + 67 * HOUR), "proven");
});

test("a client without a week of history counts for nothing, whatever it does", () => {
  const young = visits(OFFERED - 6 * DAY, OFFERED + HOUR, 5 * MINUTE);
  assert.equal(stateAt(young, OFFERED + HOUR), "newcomer");
  assert.equal(stateAt(young, OFFERED + 9 * DAY), "newcomer");
  const { tally } = ringStanding([sightingsOf(young, OFFERED)], POLICY, { offeredAt: OFFERED, now: OFFERED + 9 * DAY });
  assert.deepEqual([tally.fetched, tally.proven, tally.silent, tally.newcomers], [0, 0, 0, 1]);
});

test("a host that was dead before it could fetch is no evidence", () => {
  const dead = visits(MONDAY, OFFERED - DAY, 5 * MINUTE);
  assert.equal(stateAt(dead, OFFERED + DAY), "absent");
  const { tally } = ringStanding([sightingsOf(dead, OFFERED)], POLICY, { offeredAt: OFFERED, now: OFFERED + DAY });
  assert.deepEqual([tally.known, tally.fetched, tally.silent], [0, 0, 0]);
});

test("what falls silent after a later revision speaks against that one alone", () => {
  const times = visits(MONDAY, OFFERED + 10 * HOUR, HOUR);
  const standing = (changes: object): CanaryState =>
    canaryStanding(sightingsOf(times, OFFERED, changes), POLICY, { offeredAt: OFFERED, now: OFFERED + DAY }).state;
  assert.equal(standing({ supersededAt: OFFERED + 9 * HOUR }), "proven");
  // It had not stood its watch by then: both may have done it.
  assert.equal(standing({ supersededAt: OFFERED + 2 * HOUR }), "silent");
});

test("a newcomer of its kind that appears after the silence is taken for the same machine, once", () => {
  const died = visits(MONDAY, OFFERED + HOUR, 5 * MINUTE);
  const gone = (client: string): ReturnType<typeof sightingsOf> => sightingsOf(died, OFFERED, { client });
  const came = sightingsOf(visits(OFFERED + 2 * HOUR, OFFERED + DAY, 5 * MINUTE), OFFERED, { client: "c" });
  const states = ringStanding([gone("a"), gone("b"), came], POLICY, {
    offeredAt: OFFERED,
    now: OFFERED + DAY,
  }).canaries.map(({ state }) => state);
  assert.deepEqual(states, ["moved", "silent", "newcomer"]);
  const stranger = { ...came, likeness: "freshclam 10.9.0.0/24" };
  assert.equal(ringStanding([gone("a"), stranger], POLICY, { offeredAt: OFFERED, now: OFFERED + DAY }).tally.silent, 1);
});

test("the ring's silence is dated by the first that is more than tolerated, and grows surer with each", () => {
  const ring = (silent: number): ReturnType<typeof ringStanding> =>
    ringStanding(
      Array.from({ length: 10 }, (_, at) =>
        sightingsOf(visits(MONDAY, OFFERED + (at < silent ? 1 : 24) * HOUR + at * MINUTE, 5 * MINUTE), OFFERED, {
          client: `c${at}`,
          likeness: `c${at}`,
        }),
      ),
      POLICY,
      { offeredAt: OFFERED, now: OFFERED + DAY },
    );
  const [two, three, ten] = [ring(2).tally, ring(3).tally, ring(10).tally];
  assert.deepEqual([two.silent, two.silentSince, three.silent, ten.silent], [2, null, 3, 10]);
  assert.ok((three.silentSince ?? 0) > OFFERED + HOUR && (three.silentSince ?? 0) < OFFERED + 2 * HOUR);
  assert.ok(two.sureness < three.sureness && three.sureness < ten.sureness && ten.sureness <= 1);
});

test("what a canary says of itself counts like a visit, or like silence, from its fetch on", () => {
  const daily = sightingsOf(visits(MONDAY + 3 * HOUR, OFFERED + 4 * HOUR, DAY), OFFERED);
  const now = OFFERED + 8 * HOUR;
  const state = (wellAt: Instant | null, unwellAt: Instant | null): string => {
    const words = new Map([[daily.client, { wellAt, unwellAt }]]);
    const { canaries, tally } = ringStanding([daily], POLICY_ONCE, { offeredAt: OFFERED, now }, { words });
    return `${canaries[0]?.state} ${tally.proven} ${tally.silent}`;
  };
  assert.equal(state(null, null), "awaited 0 0");
  assert.equal(state(now - HOUR, null), "proven 1 0");
  assert.equal(state(null, now - HOUR), "unwell 0 1");
  assert.equal(state(now - HOUR, now - 2 * HOUR), "proven 1 0");
  assert.equal(state(now - 2 * HOUR, now - HOUR), "unwell 0 1");
  // Before it took the revision it may have been unwell for any reason.
  assert.equal(state(null, OFFERED), "awaited 0 0");
});

/** A client's visits: a step, an uneven life, and a time at which it dies. */
const life = fc
  .record({
    step: fc.constantFrom(5 * MINUTE, 17 * MINUTE, HOUR, 3 * HOUR, DAY),
    drop: fc.array(fc.nat(9), { minLength: 7, maxLength: 7 }),
    only: fc.constantFrom<"always" | "office">("always", "office"),
    end: fc.integer({ min: -2 * DAY, max: 4 * DAY }),
  })
  .map(({ step, drop, only, end }) =>
    visits(
      MONDAY,
      OFFERED + end,
      step,
      (at) => (only === "always" || office(at)) && (drop[Math.floor(at / step) % 7] ?? 0) > 1,
    ),
  );

test("another sighting of a client never makes it more suspect", () => {
  fc.assert(
    fc.property(life, fc.nat(5 * DAY), fc.nat(5 * DAY), (times, after, wait) => {
      const now = Math.max(OFFERED, times.at(-1) ?? 0) + wait;
      const was = canaryStanding(sightingsOf(times, OFFERED), POLICY, { offeredAt: OFFERED, now });
      const later = Math.min(now, Math.max((times.at(-1) ?? 0) + 1, OFFERED + after));
      const is = canaryStanding(sightingsOf([...times, later], OFFERED), POLICY, { offeredAt: OFFERED, now });
      const suspicion = (state: CanaryState): number => ({ silent: 2, awaited: 1 })[state as "silent"] ?? 0;
      if (was.fetchedAt === null) return;
      assert.ok(suspicion(is.state) <= suspicion(was.state), `${was.state} became ${is.state}`);
      assert.ok((is.sureness ?? 0) <= (was.sureness ?? 0) || was.state !== "silent");
    }),
    { numRuns: 150 },
  );
});

test("moving all times by whole hours changes nothing but the times", () => {
  fc.assert(
    fc.property(life, fc.nat(5 * DAY), fc.integer({ min: -5_000, max: 5_000 }), (times, wait, hours) => {
      const by = hours * HOUR;
      const here = canaryStanding(sightingsOf(times, OFFERED), POLICY, { offeredAt: OFFERED, now: OFFERED + wait });
      const moved = times.map((at) => at + by);
      const there = canaryStanding(sightingsOf(moved, OFFERED + by), POLICY, {
        offeredAt: OFFERED + by,
        now: OFFERED + wait + by,
      });
      const back = (at: Instant | null): Instant | null => (at === null ? null : at - by);
      assert.deepEqual(
        { ...there, fetchedAt: back(there.fetchedAt), lastSeen: there.lastSeen - by, silentFrom: null },
        { ...here, silentFrom: null },
      );
      assert.ok(Math.abs((back(there.silentFrom) ?? 0) - (here.silentFrom ?? 0)) <= 1);
    }),
    { numRuns: 100 },
  );
});

test("what a client does after its fetch teaches nothing of its rhythm", () => {
  fc.assert(
    fc.property(life, fc.array(fc.nat(10 * DAY), { maxLength: 20 }), (times, later) => {
      const before = times.filter((at) => at < OFFERED);
      const after = later.map((at) => OFFERED + at).toSorted((a, b) => a - b);
      const learned = (all: readonly Instant[]): unknown => {
        const rhythm = learnRhythm(sightingsOf(all, OFFERED).hours, OFFERED);
        return rhythm === null ? null : [rhythm.step, Array.from(rhythm.awake, (share) => Math.round(share * 1e6))];
      };
      // Eight weeks are kept: what comes later pushes the oldest hours out, and nothing else.
      const kept = before.filter((at) => at >= (after.at(-1) ?? OFFERED) - 8 * WEEK + HOUR);
      assert.deepEqual(learned([...kept, ...after]), learned(kept));
    }),
    { numRuns: 60 },
  );
});
