import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { didYouMean, editDistance } from "./did-you-mean.ts";

test("a slip finds its word: a letter less, more, another, two swapped, the wrong case", () => {
  const names = ["channels", "session", "limits", "data"];
  for (const [slip, meant] of [
    ["chanels", "channels"],
    ["limitss", "limits"],
    ["sessiom", "session"],
    ["dtaa", "data"],
    ["Channels", "channels"],
  ] as const) {
    assert.equal(didYouMean(slip, names), meant);
  }
});

test("a word that is near to nothing finds nothing", () => {
  assert.equal(didYouMean("bananas", ["channels", "data"]), null);
  assert.equal(didYouMean("x", []), null);
});

test("the distance is zero only to itself, the same both ways, and at most the longer word", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length) && distance >= Math.abs(a.length - b.length));
    }),
  );
});
