import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House } from "../../test/fixtures/house.ts";
import { digestOf, specOf } from "../../test/fixtures/intake.ts";
import { ringsOf } from "../../test/fixtures/release.ts";
import { DAY, HOUR } from "../core/kernel/instant.ts";
import type { WriteStep } from "../core/ports.ts";
import { type Collected, collectGarbage } from "./collect-garbage.ts";
import { paceRings } from "./pace-rings.ts";
import { promoteChannel, rollBackChannel } from "./promote.ts";
import { propose } from "./propose.ts";
import { setPolicy } from "./set-policy.ts";

function keeping(revisions: number) {
  return specOf({ trust: { kind: "pinned", digests: {} }, retention: { revisions } });
}

async function houseAt(revisions: number, keep: number): Promise<House> {
  const house = new House();
  for (let number = 1; number <= revisions; number += 1) {
    house.offer({ same: "same", a: `version ${number}` });
    assert.equal((await house.sync(keeping(keep))).revision, number);
  }
  return house;
}

function collect(house: House, preview = false, steps: WriteStep[] = []): Promise<Collected> {
  const doors = { ...house.doors, atStep: (step: WriteStep) => void steps.push(step) };
  return collectGarbage(doors, DAY, preview, () => {});
}

const move = (channel: string, revision: number | null) => ({ source: "s", channel, revision, by: "ann", reason: "" });
const numbers = ({ revisions }: Collected) => revisions.map(({ revision }) => revision).toSorted((a, b) => a - b);
const held = async (house: House) => (await house.ledger.revisions("s")).map(({ number }) => number);

test("revisions that nothing needs go at once, their blobs after the grace", async () => {
  const house = await houseAt(5, 2);
  house.now += 10 * DAY;
  const first = await collect(house);
  // Staging shows 5, and would go back to 4.
  assert.deepEqual(numbers(first), [1, 2, 3]);
  assert.deepEqual([first.blobs, first.waiting], [[], 3]);
  assert.deepEqual(await held(house), [5, 4]);
  assert.deepEqual([...house.views.revisions.keys()].toSorted(), ["s/4", "s/5"]);
  house.now += DAY - 1;
  assert.equal((await collect(house)).waiting, 3);
  house.now += 1;
  const last = await collect(house);
  assert.deepEqual([last.blobs.length, last.bytes, last.waiting], [3, 27, 0]);
  assert.deepEqual(
    new Set(house.store.stored.keys()),
    new Set(["same", "version 4", "version 5"].map((content) => digestOf(content))),
  );
  assert.deepEqual(house.events.at(-1), { name: "store.collected", fields: { blobs: 3, bytes: 27 } });
});

test("what a channel shows, and what its rollback would lead to, stays", async () => {
  const house = await houseAt(6, 1);
  await promoteChannel(house.doors, move("pilot", 1));
  await promoteChannel(house.doors, move("pilot", 3));
  assert.deepEqual(numbers(await collect(house)), [2, 4]);
  const back = await rollBackChannel(house.doors, move("pilot", null));
  assert.equal("to" in back && back.to, 1);
});

test("a blob that is named again within the grace begins a new one when it is loose again", async () => {
  const house = await houseAt(3, 1);
  await collect(house);
  house.now += DAY - HOUR;
  house.offer({ same: "same", a: "version 1" });
  assert.equal((await house.sync(keeping(1))).revision, 4);
  house.now += 2 * DAY;
  const collected = await collect(house);
  assert.ok(!collected.blobs.some(({ sha256 }) => sha256 === digestOf("version 1")));
  assert.ok(house.store.stored.has(digestOf("version 1")));
});

test("the order is the reverse of writing: ledger, views, blobs", async () => {
  const house = await houseAt(3, 1);
  const steps: WriteStep[] = [];
  await collect(house, false, steps);
  house.now += DAY;
  await collect(house, false, steps);
  assert.deepEqual(steps, [
    "collect.revisions-removed",
    "collect.views-removed",
    "collect.revisions-removed",
    "collect.views-removed",
    "collect.blob-removed",
  ]);
});

test("a preview says what is then done, and does nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.constantFrom(HOUR, DAY, 2 * DAY), { maxLength: 3 }),
      async (revisions, keep, pauses) => {
        const house = await houseAt(revisions, keep);
        for (const pause of [0, ...pauses]) {
          house.now += pause;
          const before = [await held(house), [...house.store.stored.keys()], [...(await house.ledger.looseBlobs())]];
          const preview = await collect(house, true);
          const after = [await held(house), [...house.store.stored.keys()], [...(await house.ledger.looseBlobs())]];
          assert.deepEqual(after, before);
          assert.deepEqual(await collect(house), preview);
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("a collection that is cut off removes nothing that is named, and the next one finishes it", async () => {
  for (const cut of ["collect.revisions-removed", "collect.views-removed", "collect.blob-removed"] as const) {
    const house = await houseAt(4, 1);
    await collect(house);
    house.now += 2 * DAY;
    const atStep = (step: WriteStep): void => {
      if (step === cut) throw new Error("killed");
    };
    await assert.rejects(
      collectGarbage({ ...house.doors, atStep }, DAY, false, () => {}),
      /killed/,
    );
    for (const [sha256] of await house.ledger.referencedBlobs()) assert.ok(house.store.stored.has(sha256));
    await collect(house);
    // Four contents of four revisions, and the one that they share; 4 is shown, and 3 is its way back.
    assert.equal(house.store.stored.size, 3, cut);
  }
});

test("a collection that is called off stops between two blobs, and the next one goes on", async () => {
  const house = await houseAt(6, 1);
  await collect(house);
  house.now += DAY;
  const stop = new AbortController();
  const doors = { ...house.doors, atStep: () => {} };
  const ended = collectGarbage(doors, DAY, false, () => stop.abort(), stop.signal);
  await assert.rejects(ended, { code: "daemon.stopping", retry: "later" });
  assert.deepEqual(house.events.at(-1), { name: "store.collected", fields: { blobs: 1, bytes: 9 } });
  assert.deepEqual((await collect(house)).blobs.length, 3);
});

test("what soaks for a later ring, and what is proposed for one, is kept until it has gone on", async () => {
  const house = await houseAt(1, 2);
  const policy = ringsOf({ automatic: true, soak: "1d" });
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  for (let number = 2; number <= 6; number += 1) {
    house.offer({ same: "same", a: `version ${number}` });
    await house.sync(keeping(2));
    // A collection between any two runs: a feed that is faster than its soak still arrives.
    await collect(house);
  }
  assert.ok((await held(house)).includes(1));
  house.now += DAY;
  assert.equal((await paceRings(house.doors, "s")).moves[0]?.channel, "pilot");
  const wish = { source: "s", channel: "production", revision: null, kind: "emergency", reason: "x" } as const;
  const ann = { name: "ann", roles: ["operator"] } as const;
  assert.ok("proposal" in (await propose(house.doors, { ...wish, expires: null, preview: false }, ann)));
  const [open] = await house.ledger.proposals({ state: "open", source: "s" }, 9);
  house.offer({ same: "same", a: "version 7" });
  for (let number = 7; number <= 10; number += 1) {
    house.offer({ same: "same", a: `version ${number}` });
    await house.sync(keeping(2));
  }
  await collect(house);
  assert.ok((await held(house)).includes(open?.revision ?? 0));
});
