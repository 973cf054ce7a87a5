import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { artifactOf, assertRefused, revisionOf, specOf } from "../../../test/fixtures/intake.ts";
import { LIMITS } from "../kernel/limits.ts";
import type { Budget } from "../model/source.ts";
import { capOf, expansionCap, judgeListedSizes, refusedBefore, refusedForRoom, totalCap } from "./run-budget.ts";

const MIB = 1024 * 1024;
const budgetOf = (changes: Partial<Budget> = {}): Budget => ({ ...specOf().budget, ...changes });
const listed = (...sizes: readonly (number | null)[]) => sizes.map((size, i) => artifactOf(`f${i}`, { size }));

test("what fits is not refused", () => {
  const budget = budgetOf({ files: 3, artifactBytes: 50, bytes: 100 });
  assert.equal(judgeListedSizes(listed(50, 50, null), budget, null), null);
  assert.equal(judgeListedSizes([], budget, revisionOf(1)), null);
});

test("each listed excess names its own budget", () => {
  assertRefused(judgeListedSizes(listed(1, 1, 1), budgetOf({ files: 2 }), null), "budget.files");
  assertRefused(judgeListedSizes(listed(1, 51), budgetOf({ artifactBytes: 50 }), null), "budget.artifact-bytes");
  assertRefused(judgeListedSizes(listed(50, 51), budgetOf({ bytes: 100 }), null), "budget.total-bytes");
  const last = revisionOf(1, { bytes: 100 * MIB, files: 300 });
  assertRefused(judgeListedSizes(listed(150 * MIB, 51 * MIB), budgetOf({ growth: 2 }), last), "budget.growth");
  const many = listed(...Array.from<number>({ length: 601 }).fill(0));
  assertRefused(judgeListedSizes(many, budgetOf({ growth: 2 }), last), "budget.growth");
  assert.equal(judgeListedSizes(many.slice(1), budgetOf({ growth: 2 }), last), null);
});

test("a small source may grow: growth is counted from a floor", () => {
  const last = revisionOf(1, { bytes: 10, files: 1 });
  assert.equal(judgeListedSizes(listed(64 * MIB, 64 * MIB), budgetOf({ growth: 2 }), last), null);
  assertRefused(judgeListedSizes(listed(64 * MIB, 64 * MIB, 1), budgetOf({ growth: 2 }), last), "budget.growth");
});

test("the tightest cap of a download wins, and is the one that is named", () => {
  const budget = budgetOf({ artifactBytes: 1_000, bytes: 5_000, freeDisk: 100 });
  const cap = (size: number | null, spent: number, free: number) => {
    const { most, code } = capOf(artifactOf("f", { size }), budget, null, spent, free);
    return [most, code];
  };
  assert.deepEqual(cap(null, 0, 1e9), [1_000, "budget.artifact-bytes"]);
  assert.deepEqual(cap(10, 0, 1e9), [10, "artifact.size-differs"]);
  assert.deepEqual(cap(10, 4_995, 1e9), [5, "budget.total-bytes"]);
  assert.deepEqual(cap(10, 9_000, 1e9), [0, "budget.total-bytes"]);
  assert.deepEqual(cap(10, 0, 107), [7, "budget.free-disk"]);
  assert.deepEqual(cap(10, 0, 50), [0, "budget.free-disk"]);
  const last = revisionOf(1, { bytes: 100 });
  const growing = capOf(artifactOf("f"), budgetOf({ growth: 1 }), last, 64 * MIB - 9, 1e12);
  assert.deepEqual([growing.most, growing.code], [9, "budget.growth"]);
});

test("a cap never exceeds any of its limits, and only a listed size can be under all others", () => {
  const bytes = fc.integer({ min: 0, max: 1e10 });
  const given = fc.record({
    size: fc.option(bytes),
    artifactBytes: bytes,
    total: bytes,
    growth: fc.double({ min: 1, max: 1_000, noNaN: true }),
    lastBytes: fc.option(bytes),
    spent: bytes,
    free: bytes,
    freeDisk: bytes,
  });
  fc.assert(
    fc.property(given, ({ size, artifactBytes, total, growth, lastBytes, spent, free, freeDisk }) => {
      const last = lastBytes === null ? null : revisionOf(1, { bytes: lastBytes });
      const budget = budgetOf({ artifactBytes, bytes: total, growth, freeDisk });
      const artifact = artifactOf("f", { size });
      const cap = capOf(artifact, budget, last, spent, free);
      const grown = last === null ? Number.POSITIVE_INFINITY : Math.max(last.bytes, 64 * MIB) * growth;
      assert.ok(Number.isSafeInteger(cap.most) && cap.most >= 0);
      assert.ok(cap.most <= artifactBytes && cap.most <= (size ?? cap.most));
      assert.ok(cap.most <= Math.max(0, total - spent) && cap.most <= Math.max(0, grown - spent));
      assert.ok(cap.most <= Math.max(0, free - freeDisk));
      assert.ok(totalCap(budget, last).most <= Math.min(total, grown));
      // What is told beforehand not to fit is refused before, and by the same code.
      const before = refusedBefore(artifact, cap);
      assert.equal(before?.code ?? null, size !== null && size > cap.most ? cap.code : null);
      assert.notEqual(before?.code, "artifact.size-differs");
    }),
  );
});

test("an archive unpacks to its ratio, and to no more than the wall", () => {
  assert.equal(expansionCap(1_001, budgetOf({ expansion: 1.5 })), 1_502);
  assert.equal(expansionCap(1e9, budgetOf({ expansion: 10_000 })), LIMITS.archiveExpandedBytes);
});

test("a run does not begin on a disk that has no more than its reserve", () => {
  const budget = budgetOf({ freeDisk: 1_000 });
  assertRefused(refusedForRoom(budget, 1_000), "budget.free-disk");
  assert.equal(refusedForRoom(budget, 1_001), null);
});
