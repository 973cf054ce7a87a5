import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { assertRefused, NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import type { ChannelPosition } from "../model/channel.ts";
import { decidePromotion, decideRollback, type PromotionFacts } from "./decide-move.ts";

const CHANNELS = ["staging", "pilot", "production"];

function at(revision: number, channel = "pilot"): ChannelPosition {
  return { source: "s", channel, revision, movedAt: NOW, moves: 1, steps: [{ revision, movedAt: NOW }] };
}

function promotion(changes: Partial<PromotionFacts> = {}): PromotionFacts {
  return {
    channels: CHANNELS,
    channel: "pilot",
    revision: revisionOf(7),
    position: at(5),
    earlier: new Set([5, 7]),
    ...changes,
  };
}

test("a newer revision that was in the channel before may come, and the first channel asks no channel before", () => {
  assert.equal(decidePromotion(promotion()).kind, "may-move");
  assert.equal(decidePromotion(promotion({ position: null })).kind, "may-move");
  const first = { channel: "staging", earlier: new Set<number>() };
  assert.equal(decidePromotion(promotion(first)).kind, "may-move");
});

test("what rests on nobody's word never leaves the first channel, whatever its source trusts today", () => {
  const unsigned = revisionOf(7, { unsigned: true, vouchedBy: "none" });
  assert.equal(decidePromotion(promotion({ revision: unsigned, channel: "staging" })).kind, "may-move");
  for (const channel of ["pilot", "production"])
    assertRefused(decidePromotion(promotion({ revision: unsigned, channel })), "promotion.unsigned-source");
  // It is the revision that is asked, never the source: there is no fact about the source here.
  assert.equal(decidePromotion(promotion({ revision: revisionOf(7, { vouchedBy: "none" }) })).kind, "may-move");
});

test("nothing skips the channel before, and nobody is promoted to where he is, or back", () => {
  assertRefused(decidePromotion(promotion({ earlier: new Set([5]) })), "promotion.not-in-earlier-channel");
  assertRefused(decidePromotion(promotion({ position: at(7) })), "promotion.already-there");
  assertRefused(decidePromotion(promotion({ position: at(8) })), "promotion.not-newer");
  const first = { channel: "staging", earlier: new Set<number>() };
  assertRefused(decidePromotion(promotion({ ...first, position: at(8, "staging") })), "promotion.not-newer");
});

test("a promotion that may be is forward, vouched for beyond the first channel, and was in the channel before", () => {
  const facts = fc.record({
    channel: fc.constantFrom(...CHANNELS),
    number: fc.integer({ min: 1, max: 5 }),
    unsigned: fc.boolean(),
    present: fc.option(fc.integer({ min: 1, max: 5 })),
    earlier: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
  });
  fc.assert(
    fc.property(facts, ({ channel, number, unsigned, present, earlier }) => {
      const revision = revisionOf(number, { unsigned });
      const position = present === null ? null : at(present, channel);
      const decision = decidePromotion({ channels: CHANNELS, channel, revision, position, earlier: new Set(earlier) });
      const beyond = channel !== "staging";
      const may = number > (present ?? 0) && !(beyond && (unsigned || !earlier.includes(number)));
      assert.equal(decision.kind === "may-move", may);
    }),
  );
});

function rollback(changes: Partial<Parameters<typeof decideRollback>[0]> = {}): ReturnType<typeof decideRollback> {
  return decideRollback({
    channel: "pilot",
    first: false,
    asked: null,
    position: at(7),
    history: new Set([2, 4, 5, 7, 9]),
    held: new Map([2, 4, 7, 9].map((number) => [number, revisionOf(number)])),
    ...changes,
  });
}

function target(decision: ReturnType<typeof decideRollback>): number {
  assert.ok(decision.kind === "may-move", JSON.stringify(decision));
  return decision.revision.number;
}

test("a rollback without a number goes to the newest older revision that the channel showed and that is still held", () => {
  assert.equal(target(rollback()), 4);
  assert.equal(target(rollback({ position: at(4) })), 2);
  assertRefused(rollback({ position: at(2) }), "rollback.nothing-older");
  assertRefused(rollback({ position: null }), "rollback.nothing-older");
  assertRefused(rollback({ held: new Map() }), "rollback.nothing-older");
});

test("a rollback with a number goes there or nowhere", () => {
  assert.equal(target(rollback({ asked: 2 })), 2);
  assertRefused(rollback({ asked: 7 }), "promotion.already-there");
  assertRefused(rollback({ asked: 9 }), "rollback.never-there");
  assertRefused(rollback({ asked: 3 }), "rollback.never-there");
  assertRefused(rollback({ asked: 5 }), "revision.gone");
  assertRefused(rollback({ asked: 2, position: null }), "rollback.never-there");
});

test("a channel that was once the first does not go back to what nobody vouched for", () => {
  const held = new Map([[4, { ...revisionOf(4), unsigned: true }]]);
  assertRefused(rollback({ held }), "promotion.unsigned-source");
  assertRefused(rollback({ held, asked: 4 }), "promotion.unsigned-source");
  assert.equal(target(rollback({ held, first: true })), 4);
});
