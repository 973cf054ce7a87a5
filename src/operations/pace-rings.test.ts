import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House } from "../../test/fixtures/house.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import { ringsOf, verdictOf } from "../../test/fixtures/release.ts";
import { HOUR } from "../core/kernel/instant.ts";
import type { Actor } from "../core/model/actor.ts";
import type { ReleasePolicy } from "../core/model/policy.ts";
import { paceRings } from "./pace-rings.ts";
import { rollBackChannel } from "./promote.ts";
import { signOff } from "./propose.ts";
import { releaseRestraint, restrain } from "./restrain.ts";
import { setPolicy } from "./set-policy.ts";

const PINNED = specOf({ trust: { kind: "pinned", digests: {} } });
const bob: Actor = { name: "bob", roles: ["approver"] };

async function houseWith(policy: ReleasePolicy): Promise<House> {
  const house = new House();
  await house.ledger.putSource(PINNED);
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  return house;
}

async function bring(house: House, content: string): Promise<void> {
  house.offer({ a: content });
  assert.equal((await house.sync(PINNED)).outcome, "new-revision");
}

const both = (ring: Parameters<typeof ringsOf>[0]) =>
  ringsOf({ automatic: true, ...ring }, { automatic: true, ...ring });

test("a ring moves by itself when its soak is over, not before, and once", async () => {
  const house = await houseWith(both({ soak: "2h" }));
  await bring(house, "version 1");
  assert.deepEqual((await paceRings(house.doors, "s")).moves, []);
  house.now += 2 * HOUR;
  const { moves } = await paceRings(house.doors, "s");
  assert.deepEqual(
    moves.map(({ channel, to, by }) => [channel, to, by]),
    [["pilot", 1, "policy"]],
  );
  assert.deepEqual((await paceRings(house.doors, "s")).moves, []);
  house.now += 2 * HOUR + 1_000;
  assert.equal((await paceRings(house.doors, "s")).moves[0]?.channel, "production");
});

test("without a soak a revision goes through all rings at one look, in their order", async () => {
  const house = await houseWith(both({}));
  await bring(house, "version 1");
  const { moves } = await paceRings(house.doors, "s");
  assert.deepEqual(
    moves.map(({ channel }) => channel),
    ["pilot", "production"],
  );
});

test("suspect and unproven health move nothing, and no limit changes that", async () => {
  const house = await houseWith(both({ health: {}, staleness: "1h", collision: "release" }));
  await bring(house, "version 1");
  house.now += 9 * HOUR;
  for (const kind of ["unproven", "suspect"] as const) {
    house.verdicts.set("staging 1", verdictOf(kind));
    const { moves, outlooks } = await paceRings(house.doors, "s");
    assert.deepEqual([moves, outlooks[1]?.overdue], [[], true]);
  }
  house.verdicts.set("staging 1", verdictOf("healthy"));
  assert.equal((await paceRings(house.doors, "s")).moves.length, 1);
});

test("where only people are missing they are asked once, and their yes carries it out", async () => {
  const house = await houseWith(ringsOf({ automatic: true, signOffs: [{ role: "approver" }] }));
  await bring(house, "version 1");
  await paceRings(house.doors, "s");
  await bring(house, "version 2");
  await paceRings(house.doors, "s");
  const open = await house.ledger.proposals({ state: "open", source: "s" }, 9);
  assert.deepEqual(
    open.map(({ revision, by }) => [revision, by]),
    [[1, "policy"]],
  );
  await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob);
  assert.deepEqual(house.shown("pilot"), ["s 1"]);
});

test("when the clocks collide and the policy says ask, the daemon asks, and moves on a yes alone", async () => {
  const house = await houseWith(ringsOf({ automatic: true, soak: "6h", staleness: "4h", collision: "ask" }));
  await bring(house, "version 1");
  await paceRings(house.doors, "s");
  const [question] = await house.ledger.proposals({ state: "open", source: "s" }, 9);
  assert.equal(question?.kind, "early");
  house.now += 5 * HOUR;
  assert.deepEqual((await paceRings(house.doors, "s")).moves, []);
  await signOff(house.doors, { id: question.id, version: 1, comment: "" }, bob);
  assert.deepEqual(house.shown("pilot"), ["s 1"]);
});

test("a ring that was rolled back waits for a person, and so does what is behind it", async () => {
  const house = await houseWith(both({}));
  for (const number of [1, 2]) {
    await bring(house, `version ${number}`);
    await paceRings(house.doors, "s");
  }
  await rollBackChannel(house.doors, { source: "s", channel: "pilot", revision: null, by: "ann", reason: "bad" });
  await bring(house, "version 3");
  assert.deepEqual((await paceRings(house.doors, "s")).moves, []);
  assert.deepEqual([house.shown("pilot"), house.shown("production")], [["s 1"], ["s 2"]]);
});

test("a held ring stays, also the first, and moves when the hold is over", async () => {
  const house = await houseWith(both({}));
  const hold = { kind: "hold", source: "s", channel: "staging" } as const;
  await restrain(house.doors, { on: hold, reason: "", expires: HOUR, by: "ann" });
  await bring(house, "version 1");
  assert.deepEqual([house.shown("staging"), (await paceRings(house.doors, "s")).moves], [[], []]);
  house.now += HOUR;
  assert.equal((await paceRings(house.doors, "s")).moves.length, 3);
});

test("whatever happens in whatever order, soak and staleness are never both broken in silence", async () => {
  const deed = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom("sync", "wait", "wait", "well", "sign") },
    { weight: 1, arbitrary: fc.constantFrom("sick", "hold", "free", "free", "back", "pace") },
  );
  const collision = fc.constantFrom("hold" as const, "release" as const, "ask" as const);
  let all = 0;
  const property = fc.asyncProperty(fc.array(deed, { minLength: 15, maxLength: 40 }), collision, async (deeds, how) => {
    const policy = ringsOf({
      automatic: true,
      soak: "2h",
      staleness: how === "hold" ? "5h" : "90m",
      collision: how,
      health: {},
    });
    const house = await houseWith(policy);
    let moved = 0;
    for (const [step, each] of deeds.entries()) {
      if (each === "sync") await bring(house, `version ${step}`);
      if (each === "wait") house.now += 40 * 60_000;
      if (each === "sick" || each === "well")
        for (let number = 1; number <= 40; number += 1)
          house.verdicts.set(`staging ${number}`, verdictOf(each === "sick" ? "suspect" : "healthy"));
      if (each === "hold")
        await restrain(house.doors, {
          on: { kind: "hold", source: null, channel: "pilot" },
          reason: "",
          expires: null,
          by: "ann",
        });
      if (each === "free")
        for (const { id } of await house.ledger.restraints(false))
          await releaseRestraint(house.doors, { id, reason: "", by: "ann" });
      if (each === "back")
        await rollBackChannel(house.doors, { source: "s", channel: "staging", revision: null, by: "ann", reason: "" });
      const held = (await house.ledger.restraints(false)).length > 0;
      // What people are asked, they answer: the question alone moves nothing.
      const asked = await house.ledger.proposals({ state: "open", source: "s" }, 9);
      if (each === "sign")
        for (const { id, version } of asked) await signOff(house.doors, { id, version, comment: "" }, bob);
      const { outlooks } = await paceRings(house.doors, "s");
      const moves = (await house.ledger.moves("s", 999)).filter(({ channel }) => channel === "pilot");
      for (const move of moves.slice(0, moves.length - moved)) {
        moved += 1;
        assert.ok(!held, "moved under a hold");
        assert.equal(house.verdicts.get(`staging ${move.to}`)?.kind, "healthy");
        const came = (await house.ledger.moves("s", 999))
          .filter(({ channel, to }) => channel === "staging" && to === move.to)
          .at(-1);
        const soaked = house.now - (came?.at ?? house.now) >= 2 * HOUR;
        assert.ok(soaked || move.reason.includes("promotion.soaking"), move.reason);
        if (how === "hold") assert.ok(soaked);
        if (how === "ask") assert.ok(soaked || move.reason.includes("signed by bob"), move.reason);
      }
      // A ring past its limit says so, for as long as it lasts.
      const pilot = outlooks[1];
      const lacking = (await house.ledger.revisions("s")).filter(({ number }) => number > (pilot?.revision ?? 0));
      const oldest = lacking.at(-1);
      if (oldest !== undefined && house.now - oldest.sealedAt >= (how === "hold" ? 5 : 1.5) * HOUR)
        assert.ok(pilot?.overdue);
      // And what keeps it past its limit has a name, always: a ring that stands still for no reason would be silence.
      if (pilot?.overdue === true && pilot.next !== null && pilot.next.decision.kind === "may-not-move")
        assert.ok(pilot.next.decision.hindrances.length > 0);
      if (pilot?.overdue === true) assert.notEqual(pilot.next?.decision.kind, "may-move", "it may move, and does not");
    }
    all += moved;
  });
  await fc.assert(property, { numRuns: 120 });
  assert.ok(all > 50, `${all} moves: the property says little`);
});

test("a source without a policy is moved by its syncs and by people alone, also after a stop before its move", async () => {
  const house = new House();
  await house.ledger.putSource(PINNED);
  await bring(house, "version 1");
  const [revision] = await house.ledger.revisions("s");
  assert.ok(revision !== undefined);
  const entries = await house.ledger.entries("s", 1);
  await house.ledger.sealRevision({ ...revision, entries }, house.now);
  assert.deepEqual([(await paceRings(house.doors, "s")).moves, house.shown("staging")], [[], ["s 1"]]);
});
