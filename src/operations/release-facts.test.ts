import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { assertRefused, specOf } from "../../test/fixtures/intake.ts";
import { ringsOf, verdictOf } from "../../test/fixtures/release.ts";
import { Failure } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import { type ReleasePolicy, releasePolicy } from "../core/model/policy.ts";
import type { RingOutlook } from "../core/release/ring-outlook.ts";
import { promoteChannel, rollBackChannel } from "./promote.ts";
import { outlooks, sourceFacts } from "./release-facts.ts";
import { setPolicy } from "./set-policy.ts";
import { removeSource } from "./set-up-source.ts";

const PINNED = specOf({ trust: { kind: "pinned", digests: {} } });

async function houseWith(policy: ReleasePolicy): Promise<House> {
  const house = new House();
  await house.ledger.putSource(PINNED);
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  return house;
}

/** A new revision, an hour after whatever was before. */
async function bring(house: House, content: string): Promise<void> {
  house.now += HOUR - 60_000;
  house.offer({ a: content });
  assert.equal((await house.sync(PINNED)).outcome, "new-revision");
}

async function pilotOf(house: House): Promise<RingOutlook> {
  const pilot = (await outlooks(house.doors, await sourceFacts(house.doors, "s")))[1];
  assert.ok(pilot !== undefined);
  return pilot;
}

const wish = (channel: string, revision: number | null = null) => {
  return { source: "s", channel, revision, by: "ann", reason: "" };
};

test("revisions soak side by side: a feed that brings one every hour gets through a soak of three", async () => {
  const house = await houseWith(ringsOf({ automatic: true, soak: "3h", staleness: "5h" }));
  for (let hour = 1; hour <= 3; hour += 1) await bring(house, `version ${hour}`);
  const waiting = await pilotOf(house);
  assert.deepEqual([waiting.next?.revision, waiting.next?.decision.kind], [1, "may-not-move"]);
  await bring(house, "version 4");
  const ready = await pilotOf(house);
  assert.deepEqual([ready.next?.revision, ready.next?.decision.kind, ready.overdue], [1, "may-move", false]);
  await bring(house, "version 5");
  assert.equal((await pilotOf(house)).next?.revision, 2);
});

test("what has no health yet waits, and moves on as its clients come back", async () => {
  const house = await houseWith(ringsOf({ automatic: true, health: {} }));
  await bring(house, "version 1");
  const waiting = (await pilotOf(house)).next?.decision;
  assert.ok(waiting?.kind === "may-not-move" && waiting.hindrances[0].code === "promotion.health-unproven");
  const refused = await promoteChannel(house.doors, wish("pilot"));
  assertRefused("code" in refused ? refused : null, "promotion.health-unproven");
  house.verdicts.set("staging 1", verdictOf("healthy"));
  assert.equal((await pilotOf(house)).next?.decision.kind, "may-move");
  assert.ok("at" in (await promoteChannel(house.doors, wish("pilot"))));
});

test("a ring that is taken back keeps its revisions from the rings behind it", async () => {
  const house = await houseWith(ringsOf({ automatic: true }));
  await bring(house, "version 1");
  await bring(house, "version 2");
  await rollBackChannel(house.doors, wish("staging"));
  assert.equal((await pilotOf(house)).next?.revision, 1);
  const refused = await promoteChannel(house.doors, wish("pilot", 2));
  assertRefused("code" in refused ? refused : null, "promotion.withdrawn");
});

test("the two clocks are told, and that they collide, before either has run out", async () => {
  const house = await houseWith(ringsOf({ automatic: true, soak: "6h", staleness: "4h", collision: "ask" }));
  await bring(house, "version 1");
  const told = await pilotOf(house);
  assert.deepEqual([told.collides, told.overdue], [true, false]);
  assert.ok((told.overdueAt ?? 0) < (told.next?.soakedAt ?? 0));
  house.now += 4 * HOUR;
  assert.equal((await pilotOf(house)).overdue, true);
});

test("where the limit cuts a soak short, the revision that has soaked longest goes", async () => {
  const house = await houseWith(ringsOf({ automatic: true, soak: "9h", staleness: "3h", collision: "release" }));
  for (let hour = 1; hour <= 5; hour += 1) await bring(house, `version ${hour}`);
  const { next } = await pilotOf(house);
  assert.equal(next?.revision, 1);
  assert.ok(next?.decision.kind === "may-move" && next.decision.overruled.length === 1);
});

test("a policy names configured channels, in their order, beginning with the first", async () => {
  const house = await houseWith(ringsOf());
  const set = (...channels: readonly string[]) =>
    setPolicy(house.doors, {
      source: "s",
      policy: releasePolicy.parse({ rings: channels.map((channel) => ({ channel })) }),
      after: null,
      by: "ann",
      reason: "",
    });
  for (const wrong of [["staging", "nowhere"], ["staging", "production", "pilot"], ["pilot"]])
    await assert.rejects(set(...wrong), (error) => error instanceof Failure && error.code === "policy.invalid");
  assert.ok("version" in (await set("staging", "production")));
  await bring(house, "version 1");
  const refused = await promoteChannel(house.doors, wish("pilot"));
  assertRefused("code" in refused ? refused : null, "promotion.no-ring");
  assert.ok("at" in (await promoteChannel(house.doors, wish("production"))));
});

test("a policy that was changed since it was read is not written over", async () => {
  const house = await houseWith(ringsOf());
  const change = { source: "s", policy: ringsOf(), after: 1, by: "bob", reason: "" };
  const both = await Promise.all([setPolicy(house.doors, change), setPolicy(house.doors, change)]);
  const refused = both.filter((answer) => "kind" in answer);
  assert.deepEqual(
    refused.map(({ code }) => code),
    ["policy.changed-meanwhile"],
  );
});

test("a source that is removed takes its policy with it", async () => {
  const house = await houseWith(ringsOf());
  await removeSource(house.doors, "s", true, "ann");
  assert.equal((await house.ledger.policy("s"))?.policy, null);
});
