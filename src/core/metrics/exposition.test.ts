import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readExposition } from "../../../test/fixtures/read-exposition.ts";
import { exposition } from "./exposition.ts";
import { METRICS } from "./metrics.ts";

test("whatever a label holds, it is one sample with that label", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(), (role, value) => {
      const text = exposition([["ringfort_worker_restarts_total", [role], value]]);
      const { samples, type } = readExposition(text).get("ringfort_worker_restarts_total") ?? {};
      assert.deepEqual([samples, type], [[{ labels: { process: role }, value }], "counter"]);
    }),
    { numRuns: 50, examples: [['a"} 1\nringfort_build_info{version="\\', 1]] },
  );
});

test("samples of one metric stand together, in the table's order, and what has none is left out", () => {
  const text = exposition([
    ["ringfort_store_blobs", [], 3],
    ["ringfort_channel_revision", ["s", "staging"], 2],
    ["ringfort_build_info", ["1.0"], 1],
    ["ringfort_channel_revision", ["s", "production"], 1],
  ]);
  const read = readExposition(text);
  assert.deepEqual([...read.keys()], ["ringfort_build_info", "ringfort_channel_revision", "ringfort_store_blobs"]);
  assert.equal(read.get("ringfort_channel_revision")?.samples.length, 2);
  assert.equal(read.get("ringfort_store_blobs")?.help, METRICS.ringfort_store_blobs.help);
});
