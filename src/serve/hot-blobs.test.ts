import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { parseSha256, type Sha256 } from "../core/kernel/digest.ts";
import { HotBlobs } from "./hot-blobs.ts";

const MIB = 1024 * 1024;

function digest(number: number): Sha256 {
  const sha256 = parseSha256(createHash("sha256").update(String(number)).digest("hex"));
  assert.ok(sha256 !== null);
  return sha256;
}

test("what is asked for twice is wanted, lent and kept; what is too large never is", () => {
  const hot = new HotBlobs();
  const [one, large] = [digest(1), digest(2)];
  assert.equal(hot.wants(one, MIB), false);
  assert.equal(hot.wants(one, MIB), true);
  const bytes = new Uint8Array(MIB);
  assert.equal(hot.keep(one, bytes), true);
  assert.equal(hot.keep(one, new Uint8Array(MIB)), false);
  assert.equal(hot.take(one), bytes);
  for (let i = 0; i < 3; i++) assert.equal(hot.wants(large, 2 * MIB + 1), false);
});

test("the budget holds whatever is in use, and what nobody uses makes room, the longest unused first", () => {
  const hot = new HotBlobs();
  const bytes = new Uint8Array(MIB);
  const offer = (number: number): boolean => {
    hot.wants(digest(number), MIB);
    return hot.wants(digest(number), MIB) && hot.keep(digest(number), bytes);
  };
  for (let number = 0; number < 32; number++) assert.equal(offer(number), true);
  assert.equal(hot.bytes, 32 * MIB);
  // All are lent: nothing more is kept.
  assert.equal(offer(100), false);
  hot.give(digest(7));
  hot.give(digest(3));
  assert.equal(offer(101), true);
  assert.equal(hot.bytes, 32 * MIB);
  assert.equal(hot.take(digest(3)), null);
  assert.notEqual(hot.take(digest(7)), null);
});
