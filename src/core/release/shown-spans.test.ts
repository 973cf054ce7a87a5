import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ChannelMove } from "../model/channel.ts";
import { shownSpans } from "./shown-spans.ts";

const move = (channel: string, to: number, at: number): ChannelMove => {
  return { source: "s", channel, kind: "promotion", from: null, to, at, by: "anna", reason: "" };
};
const spans = (moves: readonly ChannelMove[], ...named: number[]) =>
  shownSpans(moves, (revision) => named.includes(revision)).map(({ channel, from, until }) => [channel, from, until]);

test("a content is shown from the move that brings it to the one that takes it away, in each channel", () => {
  const moves = [move("a", 1, 10), move("a", 2, 20), move("b", 2, 25), move("a", 3, 30), move("a", 4, 40)];
  assert.deepEqual(spans(moves, 2, 3), [
    ["a", 20, 40],
    ["b", 25, null],
  ]);
});

test("it may come back, and stays where no move takes it away", () => {
  assert.deepEqual(spans([move("a", 1, 1), move("a", 2, 2), move("a", 1, 3)], 1), [
    ["a", 1, 2],
    ["a", 3, null],
  ]);
  assert.deepEqual(spans([move("a", 1, 1)]), []);
});

test("at each moment the spans say what the last move says", () => {
  const moves = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 1, max: 4 })), { maxLength: 30 });
  fc.assert(
    fc.property(moves, fc.integer({ min: 1, max: 4 }), (steps, named) => {
      const all = steps.map(([channel, to], at) => move(channel, to, at));
      const found = shownSpans(all, (revision) => revision === named);
      for (const channel of ["a", "b"]) {
        for (let at = 0; at < all.length; at += 1) {
          const last = all.findLast((one) => one.channel === channel && one.at <= at);
          const shown = found.filter(
            (one) => one.channel === channel && one.from <= at && (one.until === null || at < one.until),
          );
          assert.equal(shown.length, last?.to === named ? 1 : 0);
        }
      }
    }),
  );
});
