import assert from "node:assert/strict";
import { test } from "node:test";
import { hoursUntil, makeFleet } from "../bench/canary/fleet.ts";
import { goalsOf, simulate } from "../bench/canary/simulate.ts";
import { healthPolicy } from "../src/core/model/health-policy.ts";
import { NO_HOURS, withSighting } from "../src/core/model/hours-seen.ts";
import { diceOf } from "./fixtures/dice.ts";

const SMALL = { seed: 3, fleets: 24, releases: 4 };

test("a small run of the simulation meets its goals, and the same seed gives the same figures", () => {
  const figures = simulate({ ...SMALL, policy: healthPolicy.parse({}) });
  const { misses, falseHolds } = goalsOf(figures);
  assert.equal(misses, 0);
  assert.ok(falseHolds <= 0.04, String(falseHolds));
  const [half] = [figures.harmful.get("at once")];
  assert.ok(half !== undefined && half.suspected > half.releases * 0.7);
  const few = { ...SMALL, fleets: 4, policy: healthPolicy.parse({}) };
  assert.deepEqual(simulate(few), simulate(few));
});

test("the simulation can fail: a gate that asks for little misses harm", () => {
  const careless = healthPolicy.parse({ canaries: 1, share: 0, watch: "0s", silent: { count: 100_000 } });
  assert.ok(goalsOf(simulate({ ...SMALL, fleets: 8, policy: careless })).misses > 0.5);
});

test("the hours of a simulated client are those that noting each visit gives", () => {
  const fleet = makeFleet(diceOf(7));
  for (const { visits } of fleet.identities.slice(0, 6)) {
    const until = visits[Math.floor(visits.length * 0.8)]?.at ?? 0;
    const noted = visits.filter(({ at }) => at < until).reduce((hours, { at }) => withSighting(hours, at), NO_HOURS);
    assert.deepEqual(hoursUntil(visits, until), noted);
  }
});
