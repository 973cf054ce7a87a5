import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { RevisionSpread } from "../model/client-sighting.ts";
import { exposureOf } from "./exposure.ts";

const STAGING: RevisionSpread = { channel: "staging", clients: 12, took: 10, left: 4, holding: 6 };
const PRODUCTION: RevisionSpread = { channel: "production", clients: 1_000, took: 30, left: 0, holding: 30 };

test("a channel that shows another contains who did not take it; one that shows it will give it", () => {
  const { channels, ...all } = exposureOf([STAGING, PRODUCTION], new Set(["staging"]));
  assert.deepEqual(
    channels.map(({ channel, contained, next, recovered, exposed }) => [channel, contained, next, recovered, exposed]),
    [
      ["staging", 0, 2, 4, 6],
      ["production", 970, 0, 0, 30],
    ],
  );
  assert.deepEqual(all, { clients: 1_012, took: 40, recovered: 4, exposed: 36, contained: 970, next: 2 });
});

test("a rollback moves who has not taken it from one count to the other, and nobody out of the third", () => {
  const before = exposureOf([PRODUCTION], new Set(["production"]));
  const after = exposureOf([PRODUCTION], new Set());
  assert.deepEqual([before.next, before.contained, after.next, after.contained], [970, 0, 0, 970]);
  assert.deepEqual([before.exposed, before.recovered], [after.exposed, after.recovered]);
});

test("every client is in exactly one of four", () => {
  const spread = fc
    .record({ channel: fc.constantFrom("a", "b", "c"), clients: fc.nat(99), took: fc.nat(99), left: fc.nat(99) })
    .map(({ channel, clients, took, left }) => {
      const taken = Math.min(took, clients);
      return { channel, clients, took: taken, left: Math.min(left, taken), holding: 0 };
    });
  const unique = fc.uniqueArray(spread, { selector: ({ channel }) => channel });
  fc.assert(
    fc.property(unique, fc.subarray(["a", "b", "c"]), (seen, showing) => {
      const { clients, recovered, exposed, contained, next } = exposureOf(seen, new Set(showing));
      assert.equal(recovered + exposed + contained + next, clients);
    }),
  );
});
