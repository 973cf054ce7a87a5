import assert from "node:assert/strict";
import { test } from "node:test";
import { csvText } from "./csv.ts";

test("commas, quotes and ends of lines stay within their cell, and nothing is a formula", () => {
  const text = csvText(
    ["a", "b"],
    [
      ['say "x", please', 7],
      ["two\nlines", null],
      ["=HYPERLINK(1)", "-1"],
    ],
  );
  assert.equal(text, 'a,b\r\n"say ""x"", please",7\r\n"two\nlines",\r\n\'=HYPERLINK(1),\'-1\r\n');
});
