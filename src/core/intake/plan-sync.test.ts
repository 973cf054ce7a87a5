import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { artifactOf, digestOf, entryOf } from "../../../test/fixtures/intake.ts";
import type { Sha256 } from "../kernel/digest.ts";
import type { Series } from "../model/feed-listing.ts";
import type { RevisionEntry } from "../model/revision.ts";
import { type HeldContent, planSync, type Step, sameContent } from "./plan-sync.ts";

function holding(
  entries: readonly RevisionEntry[],
  series: readonly Series[] = [],
  blobs: readonly (readonly [Sha256, number])[] = [],
): HeldContent {
  return { entries: new Map(entries.map((entry) => [entry.path, entry])), series, blobs: new Map(blobs) };
}

const shown = (steps: readonly Step[]) =>
  steps.map((step) => {
    if (step.kind === "keep") return `keep ${step.entry.path}`;
    return `fetch ${step.artifact.path}${step.companion === null ? "" : ` with ${step.companion.path}`}`;
  });

test("of nothing held, everything is fetched", () => {
  assert.deepEqual(shown(planSync([artifactOf("a"), artifactOf("b")], holding([]))), ["fetch a", "fetch b"]);
});

test("what the digest names is kept: at its path, or as a blob that came from anywhere", () => {
  const named = (path: string, content: string, size: number | null = null) =>
    artifactOf(path, { digests: { sha256: digestOf(content) }, size });
  const held = holding([entryOf("a", "A"), entryOf("b", "old")], [], [[digestOf("C"), 1]]);
  const wanted = [named("a", "A"), named("b", "new"), named("c", "C"), named("d", "C", 1), named("e", "C", 2)];
  assert.deepEqual(shown(planSync(wanted, held)), ["keep a", "fetch b", "keep c", "keep d", "fetch e"]);
  const blob = planSync([named("c", "C")], held)[0];
  assert.deepEqual(blob, { kind: "keep", entry: { path: "c", sha256: digestOf("C"), size: 1, builtAt: null } });
});

test("a blob that only its SHA-256 names is not taken for what must be inspected or has a SHA-512 too", () => {
  const held = holding([], [], [[digestOf("C"), 1]]);
  const digests = { sha256: digestOf("C") };
  const wanted = [
    artifactOf("a", { digests, inspect: true }),
    artifactOf("b", { digests: { ...digests, sha512: "5".repeat(128) } }),
  ];
  assert.deepEqual(shown(planSync(wanted, held)), ["fetch a", "fetch b"]);
});

test("what never changes under its path is kept in the size that is named, and else looked at again", () => {
  const held = holding([entryOf("a", "four"), entryOf("b", "four")]);
  const wanted = [artifactOf("a", { immutable: true, size: 4 }), artifactOf("b", { immutable: true, size: 5 })];
  assert.deepEqual(shown(planSync(wanted, held)), ["keep a", "fetch b"]);
});

test("what never changes under its path is kept, and so is a series that stands still", () => {
  const held = holding(
    [entryOf("daily-7.cdiff"), entryOf("daily.cvd"), entryOf("main.cvd"), entryOf("plain")],
    [
      { name: "daily", version: 7 },
      { name: "main", version: 62 },
    ],
  );
  const wanted = [
    artifactOf("daily-7.cdiff", { immutable: true }),
    artifactOf("daily-8.cdiff", { immutable: true }),
    artifactOf("daily.cvd", { series: "daily", version: 8 }),
    artifactOf("main.cvd", { series: "main", version: 62 }),
    artifactOf("plain"),
  ];
  assert.deepEqual(shown(planSync(wanted, held)), [
    "keep daily-7.cdiff",
    "fetch daily-8.cdiff",
    "fetch daily.cvd",
    "keep main.cvd",
    "fetch plain",
  ]);
  // A version without a series, or of a series that nobody held, says nothing.
  const strange = [artifactOf("plain", { version: 7 }), artifactOf("main.cvd", { series: "other", version: 62 })];
  assert.deepEqual(shown(planSync(strange, held)), ["fetch plain", "fetch main.cvd"]);
});

test("a signature goes with its file: fetched with it, or kept with it, or not asked for", () => {
  const patch = (n: number) => artifactOf(`d-${n}.cdiff`, { immutable: true, companion: `d-${n}.cdiff.sign` });
  const sign = (n: number) => artifactOf(`d-${n}.cdiff.sign`, { optional: true, immutable: true });
  const held = holding([entryOf("d-1.cdiff"), entryOf("d-1.cdiff.sign"), entryOf("d-2.cdiff")]);
  const wanted = [sign(1), patch(1), patch(2), sign(2), patch(3), sign(3), patch(4)];
  assert.deepEqual(shown(planSync(wanted, held)), [
    "keep d-1.cdiff",
    "keep d-1.cdiff.sign",
    "keep d-2.cdiff",
    "fetch d-3.cdiff with d-3.cdiff.sign",
    "fetch d-4.cdiff",
  ]);
});

test("a plan takes each wanted file once, and keeps no content but that which the feed names", () => {
  const contents = fc.constantFrom("1", "22", "333");
  const name = fc.constantFrom("a", "b", "c", "d/e", "d/f");
  const wanted = fc.dictionary(
    name,
    fc.record({
      content: fc.option(contents),
      immutable: fc.boolean(),
      series: fc.option(fc.constantFrom("x", "y")),
      version: fc.option(fc.integer({ min: 1, max: 3 })),
      signed: fc.boolean(),
      inspect: fc.boolean(),
    }),
  );
  const held = fc.dictionary(name, contents);
  const series = fc.array(fc.record({ name: fc.constantFrom("x", "y"), version: fc.integer({ min: 1, max: 3 }) }));
  fc.assert(
    fc.property(wanted, held, series, fc.uniqueArray(contents), (listing, entries, heldSeries, blobs) => {
      const mains = Object.entries(listing).map(([path, { content, signed, ...rest }]) =>
        artifactOf(path, {
          ...rest,
          digests: content === null ? {} : { sha256: digestOf(content) },
          companion: signed ? `${path}.sign` : null,
        }),
      );
      const signs = mains.flatMap(({ companion }) => (companion === null ? [] : [artifactOf(companion)]));
      const before = holding(
        Object.entries(entries).flatMap(([path, content]) => [entryOf(path, content), entryOf(`${path}.sign`)]),
        heldSeries,
        blobs.map((content) => [digestOf(content), content.length] as const),
      );
      const steps = planSync([...signs, ...mains], before);
      const paths = steps.map((step) => (step.kind === "keep" ? step.entry.path : step.artifact.path));
      assert.equal(new Set(paths).size, paths.length, "no path twice");
      for (const main of mains) assert.ok(paths.includes(main.path), `${main.path} is in the plan`);
      const known = new Set([...mains, ...signs].map(({ path }) => path));
      for (const step of steps) {
        if (step.kind === "fetch") {
          assert.equal(step.companion?.path ?? null, step.artifact.companion);
          continue;
        }
        assert.ok(known.has(step.entry.path));
        const sha256 = mains.find(({ path }) => path === step.entry.path)?.digests.sha256;
        assert.equal(step.entry.sha256, sha256 ?? before.entries.get(step.entry.path)?.sha256);
      }
    }),
  );
});

test("content is the same when every path has the same bytes, and there is no path more or less", () => {
  const held = holding([entryOf("a", "A"), entryOf("b", "B")]).entries;
  assert.equal(sameContent([entryOf("b", "B"), entryOf("a", "A")], held), true);
  assert.equal(sameContent([entryOf("a", "A")], held), false);
  assert.equal(sameContent([entryOf("a", "A"), entryOf("b", "C")], held), false);
  assert.equal(sameContent([entryOf("a", "A"), entryOf("c", "B")], held), false);
  assert.equal(sameContent([entryOf("a", "A"), entryOf("b", "B"), entryOf("c", "C")], held), false);
});
