import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House } from "../../test/fixtures/house.ts";
import { NOW, specOf } from "../../test/fixtures/intake.ts";
import { newRun, type Report } from "./sync-run.ts";
import { syncSource } from "./sync-source.ts";
import { TransferMeter } from "./transfer-meter.ts";

type Told = readonly [phase: string, done: number, total: number | null, unit: string];

function listener(): { readonly told: Told[]; readonly report: Report } {
  const told: Told[] = [];
  return { told, report: (...said) => told.push(said) };
}

function meterOf(files: Readonly<Record<string, number | null>>): {
  readonly meter: TransferMeter;
  readonly told: Told[];
} {
  const { told, report } = listener();
  return { meter: new TransferMeter(new Map(Object.entries(files)), report), told };
}

test("bytes of a total, where each size is known", () => {
  const { meter, told } = meterOf({ a: 100, b: 50 });
  meter.came("a", 60);
  meter.came("b", 50);
  meter.ended("b");
  assert.deepEqual(told, [
    ["fetching, 0 of 2 files", 60, 150, "bytes"],
    ["fetching, 0 of 2 files", 110, 150, "bytes"],
    ["fetching, 1 of 2 files", 110, 150, "bytes"],
  ]);
});

test("no total until the last unknown size is announced", () => {
  const { meter, told } = meterOf({ a: 100, b: null });
  meter.came("a", 10);
  meter.announced("b", 300);
  meter.came("b", 10);
  assert.deepEqual(
    told.map(([, , total]) => total),
    [null, 400],
  );
});

test("a resumed transfer counts what is still to come, a repeated one what came in vain, an absent one nothing", () => {
  const { meter, told } = meterOf({ resumed: 100, repeated: 100, absent: 100 });
  meter.announced("resumed", 30);
  meter.came("repeated", 40);
  meter.announced("repeated", 100);
  meter.ended("absent");
  assert.deepEqual(told.at(-1), ["fetching, 1 of 3 files", 40, 30 + 140, "bytes"]);
});

test("sizes that no number holds give no total", () => {
  const { meter, told } = meterOf({ a: Number.MAX_SAFE_INTEGER, b: Number.MAX_SAFE_INTEGER });
  meter.came("a", 1);
  assert.equal(told.at(-1)?.[2], null);
});

test("whoever watches a run is told of bytes while a file comes, out of what the feed lists", async () => {
  const house = new House();
  const spec = specOf();
  await house.ledger.putSource(spec);
  house.offer({ a: "a".repeat(300), b: "b".repeat(200) });
  const { told, report } = listener();
  await syncSource(house.doors, spec, "ann", newRun(NOW, new AbortController().signal, report));
  const fetching = told.filter(([phase]) => phase.startsWith("fetching"));
  assert.deepEqual(told[0], ["reading the feed (address 1 of 1)", 0, null, "bytes"]);
  assert.ok(fetching.length > 4, "also between the ends of files");
  assert.ok(fetching.every(([, done, total, unit]) => done <= 500 && total === 500 && unit === "bytes"));
  assert.deepEqual(fetching.at(-1), ["fetching, 2 of 2 files", 500, 500, "bytes"]);
});

test("whatever the vendor says, the share never passes the whole, and at the end it is the whole", () => {
  const size = fc.option(fc.nat(1_000));
  const happening = fc.tuple(fc.constantFrom("announced", "came"), fc.constantFrom("a", "b", "c"), fc.nat(1_000));
  fc.assert(
    fc.property(size, size, fc.array(happening), (a, b, happenings) => {
      const { meter, told } = meterOf({ a, b, c: 5 });
      for (const [what, path, bytes] of happenings) {
        if (what === "came") meter.came(path, bytes);
        else meter.announced(path, bytes);
      }
      for (const path of ["a", "b", "c"]) meter.ended(path);
      for (const [, done, total] of told) assert.ok(total === null || total >= done);
      const [phase, done, total] = told.at(-1) ?? [];
      assert.deepEqual([phase, total], ["fetching, 3 of 3 files", done]);
    }),
  );
});
