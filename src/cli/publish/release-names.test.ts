import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPlainName, isSideFileName } from "../../formats/liveupdate/names.ts";
import { nextSequence, packageName } from "./release-names.ts";

const NOON = Date.UTC(2026, 10, 25, 12);

test("a sequence is the date and the release of that day, and never goes back", () => {
  assert.equal(nextSequence(NOON, null), 261_125_001);
  assert.equal(nextSequence(NOON, 261_125_001), 261_125_002);
  assert.equal(nextSequence(NOON, 261_124_017), 261_125_001);
  assert.equal(nextSequence(NOON, 261_125_999), 261_126_000);
  assert.equal(nextSequence(Date.UTC(2009, 0, 2), null), 90_102_001);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), fc.nat(999_999_999), (now, highest) => {
      assert.ok(nextSequence(now, highest) > highest);
    }),
  );
});

test("a package's name is one that every reader takes for a side file, whatever the product is called", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 128 });
  fc.assert(
    fc.property(text, text, text, fc.nat(), fc.option(fc.nat()), (product, version, language, sequence, from) => {
      const name = packageName({ product, version, language }, sequence, from, NOON);
      assert.ok(isSideFileName(name) && isPlainName(name) && name.length <= 255, name);
    }),
  );
});
