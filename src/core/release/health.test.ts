import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { NOW } from "../../../test/fixtures/intake.ts";
import { healthPolicy } from "../model/health-policy.ts";
import { type CanaryTally, judgeHealth, type Testimony, toleratedSilence } from "./health.ts";

const POLICY = healthPolicy.parse({ canaries: 5, silent: { count: 1, share: 0.2 } });

function tally(changes: Partial<CanaryTally> = {}): CanaryTally {
  return { known: 10, fetched: 10, proven: 10, silent: 0, newcomers: 0, silentSince: null, sureness: 0, ...changes };
}

function testimony(changes: Partial<Testimony> = {}): Testimony {
  return { name: "clamscan", outcome: "good", code: "check.passed", at: NOW, ...changes };
}

test("enough canaries that came back, and no more silence than is tolerated, is healthy", () => {
  assert.equal(judgeHealth(POLICY, tally(), []).kind, "healthy");
  assert.equal(judgeHealth(POLICY, tally({ proven: 8, silent: 2, silentSince: NOW }), []).kind, "healthy");
});

test("more silence than is tolerated is suspect, since it passed that", () => {
  const verdict = judgeHealth(POLICY, tally({ proven: 7, silent: 3, silentSince: NOW - 5, sureness: 0.99 }), []);
  assert.ok(verdict.kind === "suspect");
  assert.deepEqual([verdict.since, verdict.sureness], [NOW - 5, 0.99]);
  assert.deepEqual(
    verdict.reasons.map(({ code }) => code),
    ["health.silent-canaries"],
  );
});

test("too few, or too many awaited, is unproven, each with its code", () => {
  const codes = (changes: Partial<CanaryTally>): unknown => {
    const verdict = judgeHealth(POLICY, tally(changes), []);
    return [verdict.kind, ...verdict.reasons.map(({ code }) => code)];
  };
  assert.deepEqual(codes({ fetched: 4, proven: 4, known: 4 }), ["unproven", "health.too-few-canaries"]);
  assert.deepEqual(codes({ proven: 5 }), ["unproven", "health.too-few-canaries"]);
  // Seven of thirty are not half of those that may yet take it.
  assert.deepEqual(codes({ known: 30, fetched: 7, proven: 7 }), ["unproven", "health.too-few-canaries"]);
  assert.deepEqual(codes({ fetched: 0, proven: 0, newcomers: 50 }), ["unproven", "health.too-few-canaries"]);
});

test("a check that is asked for must have spoken, one that speaks against it decides, and its last word counts", () => {
  const asked = { ...POLICY, checks: ["clamscan"] };
  assert.equal(judgeHealth(asked, tally(), []).kind, "unproven");
  assert.equal(judgeHealth(asked, tally(), [testimony()]).kind, "healthy");
  const bad = testimony({ outcome: "bad", code: "check.eicar-missed", at: NOW + 1 });
  const verdict = judgeHealth(POLICY, tally(), [testimony(), bad]);
  assert.ok(verdict.kind === "suspect" && verdict.since === NOW + 1);
  assert.equal(judgeHealth(asked, tally(), [bad, testimony({ at: NOW + 2 })]).kind, "healthy");
});

test("no policy that asks for more than half calls it healthy when half are silent, or await their return", () => {
  const policies = fc.record({
    silent: fc.record({ count: fc.integer({ min: 0, max: 1 }), share: fc.double({ min: 0, max: 0.45, noNaN: true }) }),
    share: fc.double({ min: 0.51, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(policies, fc.integer({ min: 4, max: 5_000 }), fc.nat(), (changes, fetched, more) => {
      const policy = { ...POLICY, ...changes };
      assert.ok(toleratedSilence(policy, fetched) < fetched / 2);
      const gone = Math.ceil(fetched / 2) + (more % Math.ceil(fetched / 2));
      const silence = { known: fetched, fetched, proven: fetched - gone, silent: gone, silentSince: NOW };
      assert.equal(judgeHealth(policy, tally(silence), []).kind, "suspect");
      assert.equal(
        judgeHealth(policy, tally({ known: fetched, fetched, proven: fetched - gone }), []).kind,
        "unproven",
      );
    }),
  );
});
