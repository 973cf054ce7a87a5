import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { assertRefused, digestOf, specOf } from "../../test/fixtures/intake.ts";
import { DAY, HOUR, type Instant, MINUTE } from "../core/kernel/instant.ts";
import type { ClientReport, Sighting } from "../core/model/client-sighting.ts";
import { healthPolicy } from "../core/model/health-policy.ts";
import { releasePolicy } from "../core/model/policy.ts";
import type { HealthVerdict } from "../core/release/health.ts";
import { recordWord } from "./check-revision.ts";
import { promoteChannel } from "./promote.ts";
import { ringHealth } from "./ring-health.ts";
import { setPolicy } from "./set-policy.ts";
import { lookAtHealth } from "./watch-health.ts";

const SPEC = specOf({ trust: { kind: "pinned", digests: {} } });
const POLICY = healthPolicy.parse({ canaries: 4 });
const CANARIES = 8;
const STEP = 15 * MINUTE;

/** The story of 19 July 2024 on the twins: canaries with two weeks of habits, and a new revision for them. */
class Story {
  readonly house: House = new House(["staging", "production"]);
  offeredAt: Instant = 0;
  #revision = 1;

  static async begin(): Promise<Story> {
    const story = new Story();
    const { house } = story;
    house.offer({ a: "content 1" });
    assert.equal((await house.sync(SPEC)).revision, 1);
    await story.pass(14 * DAY, () => true);
    await promoteChannel(house.doors, { source: "s", channel: "production", revision: 1, by: "ann", reason: "" });
    house.offer({ a: "content 2" });
    assert.equal((await house.sync(SPEC)).revision, 2);
    story.offeredAt = house.now;
    story.#revision = 2;
    return story;
  }

  /** Lets time go by: every canary comes in its step while `lives` says so. */
  async pass(length: number, lives: (canary: number, at: Instant) => boolean): Promise<void> {
    const { house } = this;
    const until = house.now + length;
    const seen: Sighting[] = [];
    for (let at = house.now + STEP; at <= until; at += STEP)
      for (let canary = 0; canary < CANARIES; canary += 1) {
        const when = at - canary * 1_000;
        if (lives(canary, when)) seen.push(this.#sighting(canary, when));
      }
    await house.ledger.sightings.record(seen, []);
    house.now = until;
  }

  #sighting(canary: number, at: Instant): Sighting {
    return {
      at,
      client: { name: `10.0.${canary}.5`, agent: "freshclam/1.4" },
      channel: "staging",
      source: "s",
      revision: this.#revision,
      path: "/s/a",
      sha256: digestOf(`content ${this.#revision}`),
      protocol: "http",
      result: "whole",
      bytes: 9,
    };
  }

  async report(canary: number, outcome: ClientReport["outcome"]): Promise<void> {
    const client = { name: `10.0.${canary}.5`, agent: "curl/8" };
    const report = { at: this.house.now, client, channel: "staging", about: "machine", outcome, code: "", source: "" };
    await this.house.ledger.sightings.record([], [report]);
  }

  async verdict(): Promise<HealthVerdict> {
    const asked = { source: "s", ring: "staging", revision: 2, policy: POLICY, now: this.house.now };
    return (await ringHealth(this.house.doors, asked)).verdict;
  }
}

test("canaries that take an update and fall silent at once make it suspect, and since when", async () => {
  const story = await Story.begin();
  assert.equal((await story.verdict()).kind, "unproven");
  const { offeredAt } = story;
  await story.pass(6 * HOUR, (canary, at) => canary < 3 || at < offeredAt + 20 * MINUTE);
  const verdict = await story.verdict();
  assert.ok(verdict.kind === "suspect");
  assert.deepEqual([verdict.tally.known, verdict.tally.fetched, verdict.tally.silent], [8, 8, 5]);
  assert.ok(verdict.since > offeredAt + 30 * MINUTE && verdict.since < offeredAt + 2 * HOUR);
  assert.ok(verdict.sureness > 0.999);
});

test("a slow poison that shows after two hours is found too, and what is well is healthy", async () => {
  const slow = await Story.begin();
  await slow.pass(6 * HOUR, (canary, at) => canary < 3 || at < slow.offeredAt + 2 * HOUR);
  assert.equal((await slow.verdict()).kind, "suspect");
  const well = await Story.begin();
  await well.pass(2 * HOUR, () => true);
  assert.equal((await well.verdict()).kind, "unproven");
  await well.pass(2 * HOUR, () => true);
  assert.equal((await well.verdict()).kind, "healthy");
});

test("a promotion is refused by what canaries say, and may go when they are back", async () => {
  const story = await Story.begin();
  const { house } = story;
  const rings = [{ channel: "staging" }, { channel: "production", health: { canaries: 4 } }];
  const policy = releasePolicy.parse({ rings });
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  const promote = () =>
    promoteChannel(house.doors, { source: "s", channel: "production", revision: 2, by: "ann", reason: "" });
  const refusal = async () => {
    const answer = await promote();
    return "code" in answer ? answer : null;
  };
  assertRefused(await refusal(), "promotion.health-unproven");
  await story.pass(4 * HOUR, (canary) => canary < 3);
  // Those that never took it are awaited: nobody is silent about what he has not got.
  assertRefused(await refusal(), "promotion.health-unproven");
  const back = house.now;
  await story.pass(4 * HOUR, (canary, at) => canary < 3 || at < back + 30 * MINUTE);
  assertRefused(await refusal(), "promotion.health-suspect");
  await story.pass(4 * HOUR, () => true);
  const moved = await promote();
  assert.ok("to" in moved && moved.to === 2, JSON.stringify(moved));
});

test("one line of curl counts: a bad word like silence, a good one like a visit", async () => {
  const story = await Story.begin();
  await story.pass(4 * HOUR, () => true);
  for (const canary of [0, 1, 2]) await story.report(canary, "failed");
  const unwell = await story.verdict();
  assert.deepEqual([unwell.kind, unwell.tally.silent], ["suspect", 3]);
  story.house.now += 60_000;
  for (const canary of [0, 1]) await story.report(canary, "ok");
  assert.equal((await story.verdict()).kind, "healthy");
});

test("evidence against a revision outweighs its canaries, and a policy's checks must have spoken", async () => {
  const story = await Story.begin();
  await story.pass(4 * HOUR, () => true);
  const word = { source: "s", revision: 2, name: "lab", good: false, detail: "", by: "ann" };
  await recordWord(story.house.doors, word);
  assert.equal((await story.verdict()).kind, "suspect");
  story.house.now += 1;
  await recordWord(story.house.doors, { ...word, good: true });
  assert.equal((await story.verdict()).kind, "healthy");
  const asked = { source: "s", ring: "staging", revision: 2, now: story.house.now };
  const strict = { ...asked, policy: { ...POLICY, checks: ["clamscan"] } };
  assert.equal((await ringHealth(story.house.doors, strict)).verdict.kind, "unproven");
});

test("a ring that was never given the revision knows nothing of it", async () => {
  const story = await Story.begin();
  const asked = { source: "s", ring: "production", revision: 2, policy: POLICY, now: story.house.now };
  const { verdict, offeredAt } = await ringHealth(story.house.doors, asked);
  assert.deepEqual([verdict.kind, verdict.tally.known, offeredAt], ["unproven", 0, null]);
});

test("somebody is told once that a revision is suspect, and once that it no longer is", async () => {
  const story = await Story.begin();
  const { house } = story;
  const policy = releasePolicy.parse({
    rings: [{ channel: "staging" }, { channel: "production", health: { canaries: 4 } }],
  });
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  let seen = await lookAtHealth(house.doors, new Map());
  const { offeredAt } = story;
  await story.pass(4 * HOUR, (canary, at) => canary < 3 || at < offeredAt + HOUR);
  for (let look = 0; look < 3; look += 1) seen = await lookAtHealth(house.doors, seen);
  await story.pass(HOUR, () => true);
  for (let look = 0; look < 3; look += 1) seen = await lookAtHealth(house.doors, seen);
  const told = house.events.filter(({ name }) => name.startsWith("revision.") && name !== "revision.sealed");
  assert.deepEqual(
    told.map(
      ({ name, fields }) =>
        `${name} ${String(fields["ring"])} ${String(fields["revision"])} ${String(fields["reasons"] ?? fields["verdict"])}`,
    ),
    ["revision.suspect staging 2 health.silent-canaries", "revision.cleared staging 2 healthy"],
  );
});
