import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House } from "../../test/fixtures/house.ts";
import { digestOf, specOf } from "../../test/fixtures/intake.ts";
import { ringsOf } from "../../test/fixtures/release.ts";
import { DAY, HOUR } from "../core/kernel/instant.ts";
import type { WriteStep } from "../core/ports.ts";
import { type CollectWish, collectGarbage } from "./collect-garbage.ts";
import { compareRevisions } from "./compare-revisions.ts";
import { paceRings } from "./pace-rings.ts";
import { type CollectionPlan, planCollection } from "./plan-collection.ts";
import { promoteChannel, rollBackChannel } from "./promote.ts";
import { propose } from "./propose.ts";
import { setPolicy } from "./set-policy.ts";

function keeping(revisions: number) {
  return specOf({ trust: { kind: "pinned", digests: {} }, retention: { revisions, age: 0, rollbackWindow: 1 } });
}

async function houseAt(revisions: number, keep: number): Promise<House> {
  const house = new House();
  for (let number = 1; number <= revisions; number += 1) {
    house.offer({ same: "same", a: `version ${number}` });
    assert.equal((await house.sync(keeping(keep))).revision, number);
  }
  // No client is held any more on what staging has left.
  house.now += DAY;
  return house;
}

const WISH = { only: null, agreed: null, by: "ann", grace: DAY } as const;
const digest = (text: string) => digestOf(text);

async function collect(
  house: House,
  wish: Partial<CollectWish> = {},
  steps: WriteStep[] = [],
): Promise<CollectionPlan> {
  const doors = { ...house.doors, digest, atStep: (step: WriteStep) => void steps.push(step) };
  const done = await collectGarbage(doors, { ...WISH, ...wish }, () => {});
  assert.ok(!("code" in done));
  return done;
}

const preview = (house: House, only: readonly string[] | null = null) =>
  planCollection({ ...house.doors, digest }, DAY, only);

const move = (channel: string, revision: number | null) => ({ source: "s", channel, revision, by: "ann", reason: "" });
const numbers = ({ goes }: CollectionPlan) => goes.map(({ revision }) => revision).toSorted((a, b) => a - b);
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
  house.now += DAY;
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
  await collect(house, {}, steps);
  house.now += DAY;
  await collect(house, {}, steps);
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
          const plan = await preview(house);
          const after = [await held(house), [...house.store.stored.keys()], [...(await house.ledger.looseBlobs())]];
          assert.deepEqual(after, before);
          assert.deepEqual(await collect(house, { agreed: plan.fingerprint }), plan);
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
      collectGarbage({ ...house.doors, digest, atStep }, WISH, () => {}),
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
  const doors = { ...house.doors, digest, atStep: () => {} };
  const ended = collectGarbage(doors, WISH, () => stop.abort(), stop.signal);
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

test("what is not what was shown is not removed", async () => {
  const house = await houseAt(4, 1);
  house.now += 2 * DAY;
  const seen = await preview(house);
  assert.deepEqual(numbers(seen), [1, 2]);
  // Between the look and the yes somebody pins one, and a new revision comes: either is another plan.
  house.offer({ same: "same", a: "version 5" });
  await house.sync(keeping(1));
  const doors = { ...house.doors, digest, atStep: () => {} };
  const refused = await collectGarbage(doors, { ...WISH, agreed: seen.fingerprint }, () => {});
  assert.equal("code" in refused && refused.code, "collection.changed-meanwhile");
  assert.deepEqual(await held(house), [5, 4, 3, 2, 1]);
  const again = await preview(house);
  assert.notEqual(again.fingerprint, seen.fingerprint);
  assert.deepEqual(numbers(await collect(house, { agreed: again.fingerprint })), [1, 2, 3]);
});

test("a pin that comes between the plan and the removal is seen by the ledger, and nothing is removed", async () => {
  const house = await houseAt(4, 1);
  const { ledger } = house.doors;
  const remove = ledger.removeRevisions.bind(ledger);
  ledger.removeRevisions = async (...asked) => {
    const on = { kind: "pin", source: "s", channel: "staging", revision: 1 } as const;
    await ledger.addRestraint({ on, reason: "", by: "bob", at: house.now, expiresAt: null });
    await remove(...asked);
  };
  await assert.rejects(
    collectGarbage({ ...house.doors, digest, atStep: () => {} }, WISH, () => {}),
    { code: "revision.in-use" },
  );
  ledger.removeRevisions = remove;
  assert.deepEqual(await held(house), [4, 3, 2, 1]);
  assert.deepEqual(numbers(await collect(house)), [2]);
});

test("that a revision was there is not forgotten: the record, the audit log, and every later question say so", async () => {
  const house = await houseAt(4, 1);
  const before = (await house.ledger.revisions("s")).find(({ number }) => number === 1);
  await collect(house, { by: "schedule" });
  const [two, one] = await house.ledger.purgedRevisions("s", 9);
  assert.deepEqual([two?.number, one?.number, one?.by, one?.purgedAt], [2, 1, "schedule", house.now]);
  assert.deepEqual([one?.sealedAt, one?.files, one?.vouchedBy], [before?.sealedAt, 2, before?.vouchedBy]);
  const entry = (await house.ledger.auditFound("revisions.removed", "s", 9)).map((line) => JSON.parse(line));
  assert.deepEqual([entry[0].fields.revisions, entry[0].fields.by], [[1, 2], "schedule"]);
  assert.equal((await house.ledger.auditFound("revision.sealed", '"revision":1,', 9)).length, 1);
  const back = await rollBackChannel(house.doors, move("staging", 1));
  assert.equal("code" in back && back.code, "revision.gone");
  const forth = await promoteChannel(house.doors, move("pilot", 2));
  assert.equal("code" in forth && forth.code, "revision.gone");
  const difference = await compareRevisions(house.doors, "s", 1, 4);
  assert.equal("code" in difference && difference.code, "revision.gone");
  await assert.rejects(compareRevisions(house.doors, "s", 4, 99), { code: "revision.unknown" });
  const event = house.events.find(({ name }) => name === "revisions.removed");
  assert.deepEqual(event?.fields, { source: "s", revisions: "1-2", count: 2, bytes: 18, by: "schedule" });
});

test("of one source only its own revisions go; what several sources share is freed with the last", async () => {
  const house = await houseAt(3, 1);
  const other = { ...keeping(1), name: "t" };
  for (const version of [1, 2, 3]) {
    house.offer({ same: "same", a: `version ${version}` });
    await house.sync(other);
  }
  house.now += DAY;
  const plan = await preview(house, ["t"]);
  assert.deepEqual(
    plan.goes.map(({ source, revision, frees }) => [source, revision, frees]),
    [["t", 1, 0]],
  );
  assert.ok(plan.stays.every(({ source }) => source === "t"));
  const all = await preview(house);
  assert.deepEqual(
    all.goes.map(({ source, frees }) => [source, frees]),
    [
      ["s", 9],
      ["t", 0],
    ],
  );
  await assert.rejects(preview(house, ["nobody"]), { code: "source.unknown" });
});
