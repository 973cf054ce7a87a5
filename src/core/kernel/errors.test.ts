import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Failure, quoteOutside, quoteUrl, refuse } from "./errors.ts";

test("text from outside can neither move a cursor, end a line nor turn its direction", () => {
  assert.equal(quoteOutside("a\nb\u001b[2Jc\u202ed"), "a\\u000ab\\u001b[2Jc\\u202ed");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 0, max: 200 }), (text, most) => {
      const quoted = quoteOutside(text, most);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      assert.doesNotMatch(quoted, /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/);
      assert.ok(quoted.length <= (most + 1) * 6);
      assert.ok(quoted.isWellFormed());
    }),
  );
});

test("long text is cut, and a cut never leaves half a character", () => {
  assert.equal(quoteOutside("abcdef", 3), "abc…");
  assert.equal(quoteOutside("abc", 3), "abc");
  assert.equal(quoteOutside("ab😀", 3), "ab\ufffd…");
});

test("a URL is shown without login, query and fragment", () => {
  assert.equal(quoteUrl("https://user:secret@host:8443/a/b?token=1#c"), "https://host:8443/a/b");
  assert.equal(quoteUrl("file:///srv/mirror/"), "file:///srv/mirror/");
});

test("no login is shown, also of what is no URL", () => {
  for (const text of [
    "ftp://user:secret@host/a",
    "https://user:sec/secret@host/a",
    "https://user:pa?secret@host/a",
    "https://user:secret@/a",
    "https://user:secret@ho st/a",
    "//user:secret@host/a",
    "user:secret@host",
    "mailto:user:secret@host",
    "https://host:port/?token=secret",
  ])
    assert.doesNotMatch(quoteUrl(text), /secret/, text);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 12 }), (noise) => {
      assert.doesNotMatch(quoteUrl(`https://u:SECRET${noise}@h/`), /SECRET/);
    }),
  );
});

test("a failure knows its code, whether later may do, and what was behind it", () => {
  const cause = new Error("ENOSPC");
  const failure = new Failure("store.full", "no room", { retry: "later", cause });
  assert.deepEqual(
    [failure.code, failure.retry, failure.message, failure.cause],
    ["store.full", "later", "no room", cause],
  );
  assert.ok(failure instanceof Error);
  assert.equal(new Failure("store.io", "x").retry, "never");
  assert.equal("cause" in new Failure("store.io", "x"), false);
});

test("a refusal is a plain value", () => {
  assert.deepEqual(refuse("feed.empty", "x"), { kind: "refused", code: "feed.empty", detail: "x" });
});
