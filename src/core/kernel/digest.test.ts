import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSha256 } from "./digest.ts";

test("a SHA-256 is 64 hexadecimal digits, in either case, and one name", () => {
  const lower = "0123456789abcdef".repeat(4);
  assert.equal(parseSha256(lower), lower);
  assert.equal(parseSha256(lower.toUpperCase()), lower);
  for (const text of ["", lower.slice(1), `${lower}0`, `${lower}\n`, `g${lower.slice(1)}`, ` ${lower.slice(1)}`])
    assert.equal(parseSha256(text), null, JSON.stringify(text));
});
