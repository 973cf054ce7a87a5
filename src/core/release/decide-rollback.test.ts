import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRefused, NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import type { ChannelPosition } from "../model/channel.ts";
import { decideRollback } from "./decide-rollback.ts";

function at(revision: number, channel = "pilot"): ChannelPosition {
  return { source: "s", channel, revision, movedAt: NOW, moves: 1, steps: [{ revision, movedAt: NOW }] };
}

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
