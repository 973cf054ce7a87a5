import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelMove } from "../model/channel.ts";
import { laggingSince, stayIn } from "./stay.ts";

/** Moves of staging, newest first, from "to" numbers: the first at 10, then 20, …; a lower number is a rollback. */
function movesTo(...numbers: readonly number[]): readonly ChannelMove[] {
  const moves = numbers.map((to, index): ChannelMove => {
    const from = numbers[index - 1] ?? null;
    const kind = from !== null && to < from ? "rollback" : "promotion";
    return { source: "s", channel: "staging", kind, from, to, at: 10 * (index + 1), by: "ann", reason: "" };
  });
  return moves.toReversed();
}

test("a stay begins with the first move to a revision, and a newer one does not end it", () => {
  assert.deepEqual(stayIn(movesTo(1, 2, 3), "staging", 2), { since: 20, withdrawn: false });
  assert.deepEqual(stayIn(movesTo(1, 3), "staging", 2), { since: null, withdrawn: false });
  assert.deepEqual(stayIn(movesTo(1, 2), "elsewhere", 2), { since: null, withdrawn: false });
});

test("going back ends the stay of everything newer, and of nothing else", () => {
  const moves = movesTo(1, 2, 3, 2);
  assert.deepEqual(stayIn(moves, "staging", 3), { since: null, withdrawn: true });
  assert.deepEqual(stayIn(moves, "staging", 2), { since: 20, withdrawn: false });
});

test("whoever comes back begins again", () => {
  assert.deepEqual(stayIn(movesTo(1, 3, 1, 3), "staging", 3), { since: 40, withdrawn: false });
});

test("a ring lags since the first revision that it lacks was accepted, also when that one has been collected", () => {
  const revisions = [
    { number: 4, sealedAt: 35 },
    { number: 3, sealedAt: 25 },
  ];
  assert.equal(laggingSince(2, revisions, movesTo(1, 2, 3)), 25);
  assert.equal(laggingSince(1, revisions, movesTo(1, 2, 3)), 20);
  assert.equal(laggingSince(4, revisions, movesTo(1, 2, 3)), null);
  assert.equal(laggingSince(null, [], []), null);
});
