import assert from "node:assert/strict";
import { test } from "node:test";
import { Handshakes } from "./handshakes.ts";

test("one client's handshakes are counted, and come back with time; those of others are theirs", () => {
  const handshakes = new Handshakes(60);
  const begun = (address: string, now: number, times: number): number =>
    Array.from({ length: times }, () => handshakes.begin(address, now)).filter(Boolean).length;
  assert.equal(begun("10.0.0.1", 0, 50), 10);
  assert.equal(begun("10.0.0.2", 0, 50), 10);
  assert.equal(begun("2001:db8::1", 0, 6) + begun("2001:db8::2", 0, 50), 10);
  assert.equal(begun("10.0.0.1", 3_000, 50), 3);
  assert.equal(begun("10.0.0.1", 1_000_000, 50), 10);
});
