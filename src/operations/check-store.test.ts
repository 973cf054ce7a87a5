import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { digestOf, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { DAY } from "../core/kernel/instant.ts";
import { checkStore, type StoreChecked } from "./check-store.ts";

const TWO = ["https://one.test/", "https://two.test/"];
const spec = specOf({ trust: { kind: "pinned", digests: {} }, addresses: TWO });
const ALPHA = digestOf("alpha");
const BETA = digestOf("beta");

async function house(): Promise<House> {
  const made = new House();
  made.offer({ a: "alpha", b: "beta" });
  made.offer({ a: "alpha", b: "beta" }, 2);
  await made.sync(spec);
  made.upstream.asked = [];
  made.events.length = 0;
  return made;
}

function damage(made: House, sha256: typeof ALPHA): void {
  const blob = made.store.stored.get(sha256);
  assert.ok(blob !== undefined);
  made.store.stored.set(sha256, { ...blob, bytes: blob.bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) });
}

function check(made: House, repair: boolean): Promise<StoreChecked> {
  return checkStore(made.doors, repair, new AbortController().signal, () => {});
}

const states = ({ damaged }: StoreChecked) => damaged.map(({ sha256, state, repaired }) => [sha256, state, repaired]);

test("a whole store is read whole, and asks nobody", async () => {
  const made = await house();
  assert.deepEqual(await check(made, true), { checked: 2, bytes: 9, damaged: [], unreferenced: 0 });
  assert.deepEqual(made.upstream.asked, []);
});

test("what is damaged or missing is told with every place that names it; what is damaged leaves service", async () => {
  const made = await house();
  damage(made, ALPHA);
  made.store.stored.delete(BETA);
  const checked = await check(made, false);
  assert.deepEqual(
    new Set(states(checked)),
    new Set([
      [ALPHA, "damaged", false],
      [BETA, "missing", false],
    ]),
  );
  assert.deepEqual(checked.damaged.find(({ sha256 }) => sha256 === ALPHA)?.places, [
    { source: "s", since: 1, revision: 1, path: "a" },
  ]);
  assert.deepEqual(made.upstream.asked, []);
  assert.deepEqual(made.eventNames().toSorted(), ["blob.damaged", "blob.damaged", "blob.withdrawn", "store.checked"]);
  assert.deepEqual(
    new Set(states(await check(made, false))),
    new Set([
      [ALPHA, "missing", false],
      [BETA, "missing", false],
    ]),
  );
});

test("repair takes what hashes to the name from whichever address has it, and nothing else", async () => {
  const made = await house();
  damage(made, ALPHA);
  made.store.stored.delete(BETA);
  made.upstream.put(1, "a", "ALPHA");
  made.upstream.put(1, "b", new Failure("upstream.unreachable", "down"));
  const checked = await check(made, true);
  assert.deepEqual(
    new Set(states(checked)),
    new Set([
      [ALPHA, "damaged", true],
      [BETA, "missing", true],
    ]),
  );
  assert.deepEqual(made.upstream.asked.toSorted(), ["1 a", "1 b", "2 a", "2 b"]);
  assert.deepEqual(await check(made, false), { checked: 2, bytes: 9, damaged: [], unreferenced: 0 });
  assert.equal(made.store.files.size, 0, "what was refused is not left in quarantine");
  assert.equal(made.eventNames().filter((name) => name === "blob.repaired").length, 2);
});

test("what no upstream has any more is told as damaged, and served no longer", async () => {
  const made = await house();
  damage(made, ALPHA);
  for (const [address, answer] of [
    [1, "longer than it may be"],
    [2, null],
  ] as const)
    made.upstream.put(address, "a", answer);
  assert.deepEqual(states(await check(made, true)), [[ALPHA, "damaged", false]]);
  assert.ok(!made.store.stored.has(ALPHA), "no answer is better than bytes that are known to be wrong");
});

test("an upstream that takes all of the time ends the repair of its blob, not the check", async () => {
  const made = await house();
  damage(made, ALPHA);
  made.store.stored.delete(BETA);
  made.upstream.put(1, "a", new Failure("upstream.stalled", "slow"));
  made.upstream.before = (what) => {
    if (what === "1 a") made.now += DAY;
  };
  const checked = await check(made, true);
  assert.deepEqual(
    new Map(checked.damaged.map(({ sha256, repaired }) => [sha256, repaired])),
    new Map([
      [ALPHA, false],
      [BETA, true],
    ]),
  );
});

test("another source that has the same content can heal it", async () => {
  const made = await house();
  await made.sync(specOf({ name: "z", trust: { kind: "pinned", digests: {} }, addresses: TWO }));
  made.store.stored.delete(ALPHA);
  for (const address of [1, 2]) made.upstream.put(address, "a", null);
  const fetch = made.upstream.fetch.bind(made.upstream);
  made.upstream.fetch = (source, wish, signal) => {
    if (source.name === "z") made.upstream.put(1, "a", "alpha");
    return fetch(source, wish, signal);
  };
  assert.deepEqual(states(await check(made, true)), [[ALPHA, "missing", true]]);
});

test("blobs that nothing names are counted, not read", async () => {
  const made = await house();
  made.store.stored.set(digestOf("loose"), { bytes: Buffer.from("not even whole"), admittedAt: 0 });
  assert.deepEqual(await check(made, false), { checked: 2, bytes: 9, damaged: [], unreferenced: 1 });
});

test("a check that is ended says so; a fault of our own disk ends it too", async () => {
  const made = await house();
  const code = (expected: string) => (error: unknown) => error instanceof Failure && error.code === expected;
  await assert.rejects(
    checkStore(made.doors, false, AbortSignal.abort(), () => {}),
    code("daemon.stopping"),
  );
  damage(made, ALPHA);
  made.upstream.put(1, "a", new Failure("store.full", "no room"));
  await assert.rejects(check(made, true), code("store.full"));
});
