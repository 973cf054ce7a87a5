import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { radix64 } from "../../../../test/fixtures/clamav-forge.ts";
import { decodeRadix64 } from "./radix64.ts";

test("what was encoded is decoded, least digit first", () => {
  assert.deepEqual(decodeRadix64("b", 1), Buffer.from([1]));
  assert.deepEqual(decodeRadix64("ab", 1), Buffer.from([64]));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 128 }), (bytes) => {
      const text = radix64(bytes);
      fc.pre(text !== "");
      assert.deepEqual(decodeRadix64(text, bytes.length), Buffer.from(bytes));
    }),
  );
});

test("foreign characters, nothing, and more than the bytes hold are refused", () => {
  for (const text of ["", "-", "a=", "a b", "\u00e4", "///", "aaaa"]) assert.equal(decodeRadix64(text, 2), null, text);
});
