import assert from "node:assert/strict";
import { test } from "node:test";
import { RateMeter } from "./rate-meter.ts";

/** Looks every 10 ms until `until`; the time of the first "too slow", or `null`. */
function firstSlow(meter: RateMeter, until: number, tick: (now: number) => void): number | null {
  for (let now = 10; now <= until; now += 10) {
    tick(now);
    if (meter.tooSlow(now)) return now;
  }
  return null;
}

test("a steady flow just above the least rate is borne", () => {
  const meter = new RateMeter(1_000, 100, 0);
  assert.equal(
    firstSlow(meter, 5_000, () => meter.count(11)),
    null,
  );
});

test("a flow just below it is left after one window", () => {
  const meter = new RateMeter(1_000, 100, 0);
  assert.equal(
    firstSlow(meter, 5_000, () => meter.count(9)),
    100,
  );
});

test("what came before the window does not count", () => {
  const meter = new RateMeter(1_000, 100, 0);
  meter.count(1_000_000);
  const slow = firstSlow(meter, 5_000, () => {});
  assert.ok(slow !== null && slow >= 100 && slow <= 210, `${slow}`);
});

test("time in which we were not ready does not count", () => {
  const meter = new RateMeter(1_000, 100, 0);
  meter.count(60);
  assert.equal(meter.tooSlow(50), false);
  meter.pause(50);
  for (let now = 60; now <= 10_000; now += 10) assert.equal(meter.tooSlow(now), false);
  meter.resume(10_000);
  meter.count(60);
  assert.equal(meter.tooSlow(10_060), false);
  assert.equal(meter.tooSlow(10_200), true);
});
