import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import * as fc from "fast-check";
import { forgeBlock } from "../../../test/fixtures/deflate-forge.ts";
import { DeflateForm } from "./deflate-form.ts";

/** A literal and the end of the block, codes for lengths stated, and none for distances. */
const FORGED = forgeBlock({ literals: { 97: 1, 256: 1 }, literalCount: 258, distances: [0], symbols: [97, 256] });

function follow(packed: Uint8Array, step: number): string | null {
  const form = new DeflateForm();
  for (let at = 0; at < packed.length; at += step) {
    const fault = form.push(packed.subarray(at, at + step));
    if (fault !== null) return fault;
  }
  return null;
}

const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED, Z_SYNC_FLUSH } = constants;

// Only who has followed every bit before it finds the forged block where it stands.
test("a forged block is found behind whatever zlib writes, and nothing else is", () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 3_000 }),
    fc
      .array(fc.constantFrom("a", "bc", "the same again, ", "\u0000".repeat(300)), { maxLength: 400 })
      .map((parts) => Buffer.from(parts.join(""))),
  );
  const options = fc.record({
    level: fc.integer({ min: 0, max: 9 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
    strategy: fc.constantFrom(Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED),
  });
  fc.assert(
    fc.property(content, options, fc.constantFrom(1, 3, 64, 100_000), (bytes, how, step) => {
      assert.equal(follow(deflateRawSync(bytes, how), step), null);
      const open = deflateRawSync(bytes, { ...how, finishFlush: Z_SYNC_FLUSH });
      assert.notEqual(follow(Buffer.concat([open, FORGED]), step), null);
    }),
    { numRuns: 400 },
  );
});

test("any bytes end in an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      follow(bytes, 50);
    }),
    { numRuns: 500 },
  );
});
