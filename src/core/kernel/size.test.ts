import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatSize, parseSize } from "./size.ts";

test("sizes are read, in powers of ten and of two", () => {
  for (const [text, expected] of [
    ["512", 512],
    ["512 B", 512],
    ["400 MB", 400e6],
    ["400mb", 400e6],
    ["64KiB", 65_536],
    ["1.5 GB", 1.5e9],
    ["2TiB", 2 * 2 ** 40],
    ["0", 0],
  ] as const)
    assert.equal(parseSize(text), expected, text);
});

test("what is no size is null", () => {
  for (const text of ["", "B", "MB", "-1", "1 PB", "1e9", "0x10", "12 3", "1,5 GB", "999999999 TB"])
    assert.equal(parseSize(text), null, text);
});

test("sizes are written with three significant figures", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1 KB"],
    [28_400_000, "28.4 MB"],
    [999_499, "999 KB"],
    [999_999, "1 MB"],
    [999_999_999, "1 GB"],
    [2e12, "2 TB"],
  ] as const)
    assert.equal(formatSize(bytes), text);
});

test("a written size reads as itself, but for what three figures leave out", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9e15 }), (bytes) => {
      const read = parseSize(formatSize(bytes));
      assert.ok(read !== null && Math.abs(read - bytes) <= bytes * 0.005, `${bytes} as ${formatSize(bytes)}`);
    }),
  );
});
