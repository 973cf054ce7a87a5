import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { Runs } from "./runs.ts";
import { Turnstile } from "./turnstile.ts";

const spec = specOf();
const nobody = (): void => {};
const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

/** A house whose vendor answers only when it is let to, or when the run is ended. */
async function slowHouse(): Promise<{ readonly house: House; readonly let: () => void }> {
  const house = new House();
  house.offer({ a: "alpha" });
  for (const name of ["s", "t"]) await house.ledger.putSource(specOf({ name }));
  const gate = Promise.withResolvers<void>();
  house.upstream.before = (_what, signal) => {
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    return Promise.race([gate.promise, ended]);
  };
  return { house, let: gate.resolve };
}

test("one run of a source at a time, and any number of sources", async () => {
  const { house, let: go } = await slowHouse();
  const runs = new Runs(house.doors, new Turnstile());
  const first = runs.start(spec, "ann", nobody);
  const other = runs.start(specOf({ name: "t" }), "ann", nobody);
  assert.deepEqual([runs.isGoing("s"), runs.isGoing("t"), runs.isGoing("u")], [true, true, false]);
  await assert.rejects(runs.start(spec, "bob", nobody), failure("source.busy"));
  go();
  assert.deepEqual([(await first).outcome, (await other).outcome], ["new-revision", "new-revision"]);
  assert.equal(runs.isGoing("s"), false);
  assert.equal((await runs.start(spec, "bob", nobody)).outcome, "nothing-new");
});

test("a run that ends by a bug does not keep its source for ever", async () => {
  const { house } = await slowHouse();
  const runs = new Runs(house.doors, new Turnstile());
  house.upstream.before = () => {
    throw new TypeError("a bug");
  };
  await assert.rejects(runs.start(spec, "ann", nobody), TypeError);
  assert.equal(runs.isGoing("s"), false);
});

test("a run waits for a collection, and a collection for the run", async () => {
  const { house, let: go } = await slowHouse();
  const turnstile = new Turnstile();
  const runs = new Runs(house.doors, turnstile);
  const collection = Promise.withResolvers<void>();
  const collecting = turnstile.alone(() => collection.promise);
  const run = runs.start(spec, "ann", nobody);
  const next = turnstile.alone(async () => house.ledger.latestRevision("s"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(house.upstream.asked, []);
  collection.resolve();
  await collecting;
  go();
  assert.equal((await run).outcome, "new-revision");
  assert.equal((await next)?.number, 1);
});

test("a stop ends every run, also one that has not yet had its turn, waits for them, and lets none begin", async () => {
  const { house } = await slowHouse();
  const turnstile = new Turnstile();
  const runs = new Runs(house.doors, turnstile);
  const going = runs.start(spec, "ann", nobody);
  while (house.upstream.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const collecting = turnstile.alone(async () => {});
  const waiting = runs.start(specOf({ name: "t" }), "ann", nobody);
  await runs.stop();
  assert.deepEqual([runs.isGoing("s"), runs.isGoing("t")], [false, false]);
  for (const record of [await going, await waiting])
    assert.deepEqual([record.outcome, record.code], ["failed", "daemon.stopping"]);
  assert.deepEqual(house.upstream.asked, ["1 index"], "the one that waited has asked nobody");
  await collecting;
  await assert.rejects(runs.start(spec, "ann", nobody), failure("daemon.stopping"));
});
