import assert from "node:assert/strict";
import { test } from "node:test";
import { SMALL_BYTES } from "./buffer-pool.ts";
import { Pace, PROVEN } from "./pace.ts";

test("a client is lent large pieces once it has taken half a megabyte, and while it takes them fast", () => {
  const pace = new Pace();
  for (let taken = 0; taken < PROVEN; taken += SMALL_BYTES) {
    assert.equal(pace.large(1e9), false, `after ${taken} bytes`);
    pace.took(SMALL_BYTES, 1);
  }
  assert.equal(pace.large(1e9), true);
  assert.equal(pace.large(SMALL_BYTES), false, "the rest fits a small one");
  pace.took(SMALL_BYTES, 1_000);
  assert.equal(pace.large(1e9), false, "it has become slow");
  pace.took(SMALL_BYTES, 1);
  assert.equal(pace.large(1e9), true);
});

test("what is nobody's buffer needs no proof but the last piece", () => {
  const pace = new Pace(0);
  assert.equal(pace.large(1e9), false);
  pace.took(SMALL_BYTES, 1);
  assert.equal(pace.large(1e9), true);
});
