import assert from "node:assert/strict";
import { test } from "node:test";
import { proveCrash } from "./prove.ts";

// The small proofs of every change; `npm run prove:crash` is the large one.
for (const vendor of ["directory", "liveupdate"] as const)
  test(`${vendor}: a kill at every named step, and some at random, leave a store that is whole`, {
    timeout: 400_000,
  }, async (t) => {
    const report = await proveCrash({
      randomKills: vendor === "directory" ? 5 : 2,
      stepRounds: 1,
      seed: 20_020_809,
      progress: (text) => t.diagnostic(text),
      vendor,
    });
    assert.deepEqual(report.faults, []);
    assert.ok(
      Object.values(report.stepKills).every((times) => times === 1),
      JSON.stringify(report.stepKills),
    );
    assert.ok(report.servedChecked > 100);
  });
