import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import { promotionOf, proposalOf, ringsOf, verdictOf } from "../../../test/fixtures/release.ts";
import { HOUR } from "../kernel/instant.ts";
import type { Restraint, RestraintOn } from "../model/restraint.ts";
import { decidePromotion, type PromotionFacts, refusalOf } from "./decide-promotion.ts";

const never = { since: null, withdrawn: false };
const approver = (by: string) => ({ by, roles: ["approver" as const], at: NOW, comment: "" });

/** The codes of what stands in the way; `[]` when it may move. */
function codes(facts: PromotionFacts): readonly string[] {
  const decision = decidePromotion(facts);
  return decision.kind === "may-move" ? [] : decision.hindrances.map(({ code }) => code);
}

function at(facts: Partial<PromotionFacts>): readonly string[] {
  return codes(promotionOf(facts));
}

function position(revision: number): NonNullable<PromotionFacts["position"]> {
  return { source: "s", channel: "pilot", revision, movedAt: NOW, moves: 1, steps: [] };
}

function restraint(on: RestraintOn, expiresAt: number | null = null): Restraint {
  return { id: 4, on, reason: "look", by: "bob", at: NOW, expiresAt, released: null };
}

test("a newer revision that was in the ring before may come, and the first ring asks no ring before", () => {
  assert.deepEqual(at({}), []);
  assert.deepEqual(at({ position: null }), []);
  assert.deepEqual(at({ channel: "staging", before: never, atFirst: never }), []);
});

test("what rests on nobody's word never leaves the first ring, and no emergency changes that", () => {
  const revision = revisionOf(7, { unsigned: true, vouchedBy: "none" });
  assert.deepEqual(at({ revision, channel: "staging" }), []);
  assert.deepEqual(at({ revision }), ["promotion.unsigned-source"]);
  const proposal = proposalOf({ kind: "emergency", signOffs: [approver("bob")] });
  assert.deepEqual(at({ revision, proposal }), ["promotion.unsigned-source"]);
});

test("nothing skips the ring before, goes where it was taken back from, or goes back", () => {
  assert.deepEqual(at({ before: never }), ["promotion.not-in-earlier-channel"]);
  assert.deepEqual(at({ before: { since: null, withdrawn: true } }), ["promotion.withdrawn"]);
  assert.deepEqual(at({ position: position(7) }), ["promotion.already-there"]);
  assert.deepEqual(at({ position: position(8) }), ["promotion.not-newer"]);
});

test("a ring that the policy or the configuration does not know stops the way, also for those behind it", () => {
  assert.deepEqual(at({ channel: "elsewhere" }), ["promotion.no-ring"]);
  assert.deepEqual(at({ channels: ["pilot", "staging"] }), ["promotion.no-ring"]);
  assert.deepEqual(at({ channel: "production", channels: ["staging", "production"] }), ["promotion.no-ring"]);
});

test("a soak counts from when the revision came to the ring before, to the millisecond", () => {
  const policy = ringsOf({ soak: "4h" });
  const since = (ago: number) => ({ policy, before: { since: NOW - ago, withdrawn: false } });
  assert.deepEqual(at(since(4 * HOUR)), []);
  const decision = decidePromotion(promotionOf(since(4 * HOUR - 1)));
  assert.ok(decision.kind === "may-not-move");
  assert.deepEqual(decision.hindrances[0].clears, { by: "time", at: NOW + 1 });
  // A move that lies ahead of our clock, as a vendor's build time may make it, has not soaked at all.
  assert.deepEqual(at(since(-HOUR)), ["promotion.soaking"]);
});

test("health that is asked for and not known is unproven, never a pass", () => {
  const policy = ringsOf({ health: {} });
  assert.deepEqual(at({ policy }), ["promotion.health-unproven"]);
  assert.deepEqual(at({ policy, health: verdictOf("unproven") }), ["promotion.health-unproven"]);
  assert.deepEqual(at({ policy, health: verdictOf("suspect") }), ["promotion.health-suspect"]);
  assert.deepEqual(at({ policy, health: verdictOf("healthy") }), []);
});

test("everything that stands in the way is named at once, a missing sign-off last", () => {
  const policy = ringsOf({
    soak: "2d",
    health: {},
    signOffs: [{ role: "approver" }],
    hours: [{ days: ["mon"], from: "01:00", to: "02:00" }],
  });
  const restraints = [restraint({ kind: "hold", source: "s", channel: null })];
  const facts = promotionOf({ policy, restraints, shutOff: "drill", takenBack: true, asked: "policy" });
  assert.deepEqual(codes(facts), [
    "channel.held",
    "channel.shut-off",
    "promotion.by-hand",
    "promotion.after-rollback",
    "promotion.soaking",
    "promotion.health-unproven",
    "promotion.outside-hours",
    "promotion.sign-off-missing",
  ]);
  const decision = decidePromotion(facts);
  assert.ok(decision.kind === "may-not-move");
  const refusal = refusalOf(decision);
  assert.equal(refusal.code, "channel.held");
  for (const code of codes(facts)) assert.ok(refusal.detail.includes(code), code);
});

test("the policy moves no ring that it leaves to a person, nor one that was rolled back", () => {
  assert.deepEqual(at({ asked: "policy" }), ["promotion.by-hand"]);
  const policy = ringsOf({ automatic: true });
  assert.deepEqual(at({ asked: "policy", policy }), []);
  assert.deepEqual(at({ asked: "policy", policy, takenBack: true }), ["promotion.after-rollback"]);
  assert.deepEqual(at({ asked: "person", policy, takenBack: true }), []);
});

test("when the clocks collide, the soak wins unless the policy says that the limit does", () => {
  const late = { before: { since: NOW - HOUR, withdrawn: false }, laggingSince: NOW - 3 * HOUR };
  const policy = (collision: "hold" | "ask" | "release") =>
    ringsOf({ automatic: true, soak: "2h", staleness: "3h", collision });
  const decided = (collision: "hold" | "ask" | "release", more: Partial<PromotionFacts> = {}) =>
    decidePromotion(promotionOf({ asked: "policy", policy: policy(collision), ...late, ...more }));
  assert.equal(decided("hold").kind, "may-not-move");
  assert.equal(decided("ask").kind, "may-not-move");
  const released = decided("release");
  assert.ok(released.kind === "may-move");
  assert.deepEqual(
    released.overruled.map(({ code }) => code),
    ["promotion.soaking"],
  );
  assert.equal(decided("release", { laggingSince: NOW - 3 * HOUR + 1 }).kind, "may-not-move");
  const question = proposalOf({ kind: "early", by: "policy", authors: ["policy"] });
  assert.equal(decided("ask", { proposal: question }).kind, "may-not-move");
  assert.equal(decided("ask", { proposal: { ...question, signOffs: [approver("bob")] } }).kind, "may-move");
});

test("an emergency goes ahead of soak, health, hours and rings, and of nothing else", () => {
  const policy = ringsOf({ soak: "7d", health: {}, hours: [{ from: "23:58", to: "23:59" }] });
  const proposal = proposalOf({ kind: "emergency", signOffs: [approver("bob")] });
  const ahead = { policy, proposal, before: never, health: verdictOf("suspect") };
  const decision = decidePromotion(promotionOf(ahead));
  assert.ok(decision.kind === "may-move");
  assert.equal(decision.overruled.length, 3);
  assert.deepEqual(at({ ...ahead, atFirst: never }), ["promotion.not-in-earlier-channel"]);
  assert.deepEqual(at({ ...ahead, proposal: { ...proposal, signOffs: [] } }), ["promotion.sign-off-missing"]);
  const blocked = restraint({ kind: "block-revision", source: "s", revision: 7 });
  assert.deepEqual(at({ ...ahead, restraints: [blocked] }), ["revision.blocked"]);
  assert.deepEqual(at({ ...ahead, shutOff: "drill" }), ["channel.shut-off"]);
});

test("the security lane shortens the soak to its own, with its own sign-offs, and lengthens none", () => {
  const policy = ringsOf({ soak: "7d", lane: { soak: "24h" } });
  const proposal = proposalOf({ kind: "security", signOffs: [approver("bob")] });
  assert.deepEqual(at({ policy, proposal }), []);
  assert.deepEqual(at({ policy }), ["promotion.soaking"]);
  assert.deepEqual(at({ policy, proposal: { ...proposal, signOffs: [] } }), ["promotion.sign-off-missing"]);
  const longer = ringsOf({ soak: "12h", lane: { soak: "3d" } });
  assert.deepEqual(at({ policy: longer, proposal }), []);
});

test("a proposal keeps what was asked for when it was made, also when the policy asks for less later", () => {
  const demands = [{ role: "approver" as const, people: 2 }];
  const proposal = proposalOf({ demands, signOffs: [approver("bob")] });
  assert.deepEqual(at({ proposal }), ["promotion.sign-off-missing"]);
  assert.deepEqual(at({ proposal: { ...proposal, signOffs: [approver("bob"), approver("eve")] } }), []);
});

const facts = fc.record({
  soak: fc.nat(10 * HOUR),
  age: fc.integer({ min: -HOUR, max: 12 * HOUR }),
  staleness: fc.integer({ min: 0, max: 10 * HOUR }),
  lag: fc.integer({ min: 0, max: 12 * HOUR }),
  collision: fc.constantFrom("hold" as const, "ask" as const, "release" as const),
  kind: fc.constantFrom(null, "promotion" as const, "security" as const, "early" as const, "emergency" as const),
  people: fc.integer({ min: 0, max: 3 }),
  signed: fc.uniqueArray(fc.constantFrom("ann", "bob", "eve", "joe"), { maxLength: 4 }),
  health: fc.constantFrom("healthy" as const, "unproven" as const, "suspect" as const),
  held: fc.boolean(),
  unsigned: fc.boolean(),
  stay: fc.constantFrom("there", "withdrawn", "never"),
});

test("a move that may be broke no rule in silence, whatever the facts are", () => {
  fc.assert(
    fc.property(facts, (given) => {
      const collision = given.soak > given.staleness && given.collision === "hold" ? "ask" : given.collision;
      const policy = ringsOf({
        automatic: true,
        soak: given.soak,
        staleness: given.staleness,
        collision,
        health: {},
        lane: { soak: 0 },
        signOffs: given.people === 0 ? [] : [{ role: "approver", people: given.people }],
      });
      const here = { since: NOW - given.age, withdrawn: false };
      const before = given.stay === "there" ? here : { since: null, withdrawn: given.stay === "withdrawn" };
      const proposal =
        given.kind === null ? null : proposalOf({ kind: given.kind, signOffs: given.signed.map(approver) });
      const restraints = given.held ? [restraint({ kind: "hold", source: null, channel: null })] : [];
      const revision = revisionOf(7, { unsigned: given.unsigned });
      const all = promotionOf({
        asked: "policy",
        policy,
        before,
        atFirst: here,
        proposal,
        restraints,
        revision,
        laggingSince: NOW - given.lag,
        health: verdictOf(given.health),
      });
      const decision = decidePromotion(all);
      if (decision.kind !== "may-move") return;
      const overruled = decision.overruled.map(({ code }) => code);
      assert.ok(!given.held && !given.unsigned);
      const asked = given.kind === null || given.kind === "promotion" ? given.people : Math.max(1, given.people);
      assert.ok(given.signed.filter((name) => name !== "ann").length >= (given.kind === null ? given.people : asked));
      const soak = given.kind === "security" ? 0 : given.soak;
      if (given.kind !== "emergency") assert.ok(given.stay === "there" && given.health === "healthy");
      if (given.stay === "there" && soak > 0 && given.age < soak) assert.ok(overruled.includes("promotion.soaking"));
      if (overruled.includes("promotion.soaking") && given.kind !== "emergency" && given.kind !== "early")
        assert.ok(collision === "release" && given.staleness > 0 && given.lag >= given.staleness);
      if (given.health !== "healthy") assert.equal(overruled.length > 0, true);
    }),
    { numRuns: 2_000 },
  );
});
