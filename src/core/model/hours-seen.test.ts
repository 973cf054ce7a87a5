import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { HOUR } from "../kernel/instant.ts";
import { HOURS_BYTES, HOURS_KEPT, NO_HOURS, oldestHour, seenIn, withSighting } from "./hours-seen.ts";

test("the ring answers as a list of all sightings would, as far back as it reaches", () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -5, max: 3_000 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500_000 }), steps, (start, moves) => {
      const all = new Map<number, number>();
      let [hours, hour] = [NO_HOURS, start];
      for (const move of moves) {
        hour = Math.max(0, hour + move);
        if (hour > hours.newest - HOURS_KEPT) all.set(hour, Math.min(15, (all.get(hour) ?? 0) + 1));
        hours = withSighting(hours, hour * HOUR + 1);
      }
      assert.equal(hours.counts.length, HOURS_BYTES);
      for (let each = oldestHour(hours); each <= hours.newest + 2; each += 1)
        assert.equal(seenIn(hours, each), all.get(each) ?? 0, String(each));
      assert.equal(seenIn(hours, hours.newest - HOURS_KEPT), 0);
    }),
    { numRuns: 60 },
  );
});

test("what was kept is not changed by what comes after", () => {
  const one = withSighting(NO_HOURS, 5 * HOUR);
  const kept = Uint8Array.from(one.counts);
  withSighting(one, 7 * HOUR);
  assert.deepEqual(one.counts, kept);
});
