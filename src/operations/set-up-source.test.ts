import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { removeSource, setUpSource } from "./set-up-source.ts";

const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

test("a source is added once, and changed only when it is there", async () => {
  const { doors, ledger, events } = new House();
  await assert.rejects(setUpSource(doors, specOf(), true, "ann"), failure("source.unknown"));
  await setUpSource(doors, specOf(), false, "ann");
  await assert.rejects(setUpSource(doors, specOf(), false, "ann"), failure("source.exists"));
  await setUpSource(doors, specOf({ schedule: "manual" }), true, "bob");
  assert.equal((await ledger.source("s"))?.schedule, "manual");
  assert.deepEqual(
    events.map(({ name, fields }) => [name, fields["by"]]),
    [
      ["source.added", "ann"],
      ["source.changed", "bob"],
    ],
  );
});

test("a source keeps its feed format, and no two have one mount", async () => {
  const { doors, ledger } = new House();
  await setUpSource(doors, specOf(), false, "ann");
  const clamav = specOf({ feed: { format: "clamav" }, trust: { kind: "clamav" } });
  await assert.rejects(setUpSource(doors, clamav, true, "ann"), failure("source.invalid"));
  const rival = specOf({ name: "t", mount: "/s/" });
  await assert.rejects(setUpSource(doors, rival, false, "ann"), failure("source.invalid"));
  assert.equal(await ledger.source("t"), null);
  await setUpSource(doors, specOf({ name: "t" }), false, "ann");
  await assert.rejects(setUpSource(doors, specOf({ name: "t", mount: "/s/" }), true, "ann"), failure("source.invalid"));
  // Its own mount is nobody's rival.
  await setUpSource(doors, specOf({ name: "t", mount: "/t/" }), true, "ann");
});

test("after a change nothing is asked for by its version: all is looked at anew", async () => {
  const house = new House();
  house.offer({ a: "alpha" }, 1, '"1"');
  await house.sync(specOf());
  await setUpSource(house.doors, specOf({ addresses: ["https://other.test/"] }), true, "ann");
  await house.sync(specOf({ addresses: ["https://other.test/"] }));
  assert.deepEqual(house.upstream.asked, ["1 index"]);
});

test("a new mount is where clients find the source from then on", async () => {
  const house = new House();
  house.offer({ a: "alpha" });
  await house.sync(specOf());
  await setUpSource(house.doors, specOf({ mount: "/new/" }), true, "ann");
  assert.deepEqual(
    house.views.pointers.get("staging")?.map(({ mount }) => mount),
    ["/new/"],
  );
  assert.deepEqual(house.announced.slice(-3), ["staging", "pilot", "production"]);
});

test("a source that is served is removed only by force, and then no channel shows it", async () => {
  const house = new House();
  await assert.rejects(removeSource(house.doors, "s", true, "ann"), failure("source.unknown"));
  house.offer({ a: "alpha" });
  await house.sync(specOf());
  await house.sync(specOf({ name: "other" }));
  await assert.rejects(removeSource(house.doors, "s", false, "ann"), failure("source.in-use"));
  await removeSource(house.doors, "s", true, "ann");
  assert.equal(await house.ledger.source("s"), null);
  assert.deepEqual(house.shown("staging"), ["other 1"]);
  assert.deepEqual([...house.views.revisions.keys()], ["other/1"]);
  // Its blobs wait for the collection: another source may name them, and a transfer may read them.
  assert.equal(house.store.stored.size, 1);
});

test("a source that no channel shows needs no force", async () => {
  const house = new House();
  await setUpSource(house.doors, specOf(), false, "ann");
  await removeSource(house.doors, "s", false, "ann");
  assert.deepEqual(await house.ledger.sources(), []);
});
