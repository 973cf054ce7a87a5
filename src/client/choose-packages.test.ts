import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IndexedPackage } from "../formats/liveupdate/dialect.ts";
import { type ChoiceInput, choosePackages, fullPackageOf } from "./choose-packages.ts";

function packageTo(sequence: number | null, from: number | null = null, size: number | null = 100): IndexedPackage {
  const identity = { product: "P", version: "1", language: "L" };
  return {
    identity,
    item: "",
    sequence,
    from,
    file: `${from}-${sequence}.zip`,
    size,
    sha1: null,
    sha256: null,
    urls: [],
  };
}

function choose(packages: readonly IndexedPackage[], parts: Partial<ChoiceInput> = {}): readonly string[] | null {
  const choice = choosePackages({ packages, installed: null, floor: 0, barred: [], deltas: true, ...parts });
  return choice.kind === "packages" ? choice.steps.map(({ file }) => file) : null;
}

test("the fewest bytes win: a chain of small deltas, a full package against large ones", () => {
  const chain = [packageTo(3, 2, 20), packageTo(2, 1, 20), packageTo(3, null, 100)];
  assert.deepEqual(choose(chain, { installed: 1 }), ["1-2.zip", "2-3.zip"]);
  assert.deepEqual(choose(chain), ["null-3.zip"]);
  assert.deepEqual(choose([packageTo(3, 2, 60), packageTo(2, 1, 60), packageTo(3, null, 100)], { installed: 1 }), [
    "null-3.zip",
  ]);
  assert.deepEqual(choose([packageTo(2, 1, 50), packageTo(3, 2, 50), packageTo(3, 1, 100)], { installed: 1 }), [
    "1-3.zip",
  ]);
});

test("a full package in the middle may carry the chain on", () => {
  assert.deepEqual(choose([packageTo(2, null, 10), packageTo(3, 2, 10)]), ["null-2.zip", "2-3.zip"]);
});

test("the highest sequence wins, whatever it costs; a listed size is preferred to none", () => {
  assert.deepEqual(choose([packageTo(9, null, 1_000), packageTo(8, null, 1)], { installed: 7 }), ["null-9.zip"]);
  assert.deepEqual(choose([packageTo(9, null, null), packageTo(9, 7, 500)], { installed: 7 }), ["7-9.zip"]);
});

test("nothing new: what is offered is told", () => {
  const input = { packages: [packageTo(5)], installed: 6, floor: 6, barred: [], deltas: true };
  assert.deepEqual(choosePackages(input), { kind: "nothing-new", offered: 5 });
  assert.deepEqual(choosePackages({ ...input, packages: [] }), { kind: "nothing-new", offered: null });
});

test("no delta over a damaged version, none that stands still or leads down", () => {
  assert.equal(choose([packageTo(2, 1)], { installed: 1, deltas: false }), null);
  assert.equal(choose([packageTo(2, 2), packageTo(3, 5)], { installed: 1 }), null);
});

test("barred sequences are neither an end nor a step", () => {
  const packages = [packageTo(2, 1, 10), packageTo(3, 2, 10), packageTo(3, null, 500)];
  assert.deepEqual(choose(packages, { installed: 1, barred: [{ from: 2, until: 2 }] }), ["null-3.zip"]);
  assert.equal(choose(packages, { installed: 1, barred: [{ from: 2, until: 3 }] }), null);
});

test("a way back is a full package of exactly that sequence, the smaller of two", () => {
  const packages = [
    packageTo(2, 1, 5),
    packageTo(2, null, 50),
    { ...packageTo(2, null, 40), file: "smaller" },
    packageTo(1),
  ];
  assert.equal(fullPackageOf(packages, 2)?.file, "smaller");
  assert.equal(fullPackageOf(packages, 3), null);
});

const sequence = fc.integer({ min: 0, max: 12 });
const anyPackage = fc
  .record({ to: sequence, from: fc.option(sequence), size: fc.option(fc.integer({ min: 0, max: 50 })) })
  .map(({ to, from, size }) => packageTo(to, from, size));
const anyInput = fc.record({
  packages: fc.array(anyPackage, { maxLength: 14 }),
  installed: fc.option(sequence),
  floor: sequence,
  barred: fc.array(
    fc.tuple(sequence, sequence).map(([a, b]) => ({ from: Math.min(a, b), until: Math.max(a, b) })),
    { maxLength: 2 },
  ),
  deltas: fc.boolean(),
});

/** All ways, by trying them: what the one pass must agree with. */
function everyWay(
  input: ChoiceInput,
  at: number | null,
  used: readonly IndexedPackage[],
): readonly (readonly IndexedPackage[])[] {
  const open = input.packages.filter(
    ({ sequence: to, from }) =>
      to !== null &&
      to > Math.max(at ?? -1, input.installed ?? -1) &&
      to >= input.floor &&
      !input.barred.some((range) => to >= range.from && to <= range.until) &&
      (from === null
        ? used.length === 0
        : from === at && from < to && (used.length > 0 || (input.deltas && at === input.installed))),
  );
  return open.flatMap((step) => [[...used, step], ...everyWay(input, step.sequence, [...used, step])]);
}

test("property: never down, never barred, every step fits the one before, and no way is better", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const choice = choosePackages(input);
      const ways = everyWay(input, input.installed, []);
      if (choice.kind === "nothing-new") return assert.equal(ways.length, 0);
      let at = input.installed;
      for (const [index, step] of choice.steps.entries()) {
        const to = step.sequence ?? -1;
        assert.ok(to > (at ?? -1) && to >= input.floor, "goes up");
        assert.ok(!input.barred.some(({ from, until }) => to >= from && to <= until), "is not barred");
        assert.ok(step.from === null ? index === 0 : step.from === at, "applies to what is there");
        at = to;
      }
      const cost = (way: readonly IndexedPackage[]): number =>
        way.reduce((sum, { size }) => sum + (size ?? 2 ** 40), 0);
      const end = (way: readonly IndexedPackage[]): number => way.at(-1)?.sequence ?? -1;
      const best = ways.toSorted((a, b) => end(b) - end(a) || cost(a) - cost(b) || a.length - b.length)[0] ?? [];
      assert.equal(choice.sequence, end(best));
      assert.equal(cost(choice.steps), cost(best));
      assert.equal(choice.steps.length, best.length);
    }),
    { numRuns: 2_000 },
  );
});
