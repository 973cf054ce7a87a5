import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LIMITS } from "./limits.ts";
import { collisionKey, type PathFault, parseSafePath, pathFault, safePath } from "./safe-path.ts";

const faults: readonly (readonly [text: string, fault: PathFault])[] = [
  ["", "empty"],
  ["/etc/passwd", "absolute"],
  ["//host/share", "absolute"],
  [".", "dot-segment"],
  ["..", "dot-segment"],
  ["a/../b", "dot-segment"],
  ["a/./b", "dot-segment"],
  ["a//b", "empty-segment"],
  ["a/", "empty-segment"],
  ["a\u0000b", "control-character"],
  ["a\nb", "control-character"],
  ["a\r\nDELE b", "control-character"],
  ["a\u007fb", "control-character"],
  ["a\u0085b", "control-character"],
  ["cod\u202egpj.exe", "control-character"],
  ["a\u200bb", "control-character"],
  ["a\u2028b", "control-character"],
  ["\ufeffa", "control-character"],
  ["a\\b", "backslash"],
  ["..\\..\\b", "backslash"],
  ["C:/x", "drive-or-stream"],
  ["a.exe:hidden", "drive-or-stream"],
  ["http://host/x", "drive-or-stream"],
  ["what?.zip", "forbidden-character"],
  ["*.zip", "forbidden-character"],
  ["a<b", "forbidden-character"],
  ["a>b", "forbidden-character"],
  ["a|b", "forbidden-character"],
  ['a"b', "forbidden-character"],
  ["a.", "trailing-dot-or-space"],
  ["a ", "trailing-dot-or-space"],
  ["a /b", "trailing-dot-or-space"],
  ["...", "trailing-dot-or-space"],
  ["\ud800", "not-unicode"],
  ["a/\udc00b", "not-unicode"],
  ["e\u0301", "not-unicode"],
  ["NUL", "reserved-name"],
  ["con.txt", "reserved-name"],
  ["aux .txt", "reserved-name"],
  ["pool/Com1.deb", "reserved-name"],
  ["LPT9.tar.gz", "reserved-name"],
  ["com\u00b9", "reserved-name"],
  ["CONIN$", "reserved-name"],
  ["x".repeat(LIMITS.pathSegment + 1), "too-long"],
  ["é".repeat(LIMITS.pathSegment / 2 + 1), "too-long"],
  [`${"x/".repeat(31)}${"y".repeat(200)}/`.repeat(5), "too-long"],
  ["x/".repeat(LIMITS.pathDepth).concat("x"), "too-deep"],
];

test("every fault has its name", () => {
  for (const [text, fault] of faults) assert.equal(pathFault(text), fault, JSON.stringify(text));
  const named: Record<PathFault, true> = {
    empty: true,
    absolute: true,
    "dot-segment": true,
    "empty-segment": true,
    "control-character": true,
    backslash: true,
    "drive-or-stream": true,
    "forbidden-character": true,
    "trailing-dot-or-space": true,
    "not-unicode": true,
    "reserved-name": true,
    "too-long": true,
    "too-deep": true,
  };
  assert.deepEqual(new Set(faults.map(([, fault]) => fault)), new Set(Object.keys(named)));
});

test("what vendors do call their files is safe", () => {
  for (const text of [
    "daily.cvd",
    "daily-27800.cvd.sign",
    "pool/main/g/gcc-12/g++-12_12.2.0-14+deb12u1_amd64.deb",
    "libfoo_1%3a2.0~rc1_all.deb",
    "a b/c (1).exe",
    ".hidden",
    "..a",
    "null",
    "console.log",
    "communication",
    "com10",
    "é/日本語/😀",
    "x".repeat(LIMITS.pathSegment),
    "x/".repeat(LIMITS.pathDepth - 1).concat("x"),
  ])
    assert.equal(pathFault(text), null, text);
});

test("a path is read into a branded one or its fault, and a literal that is unsafe is a bug", () => {
  assert.deepEqual(parseSafePath("a/b"), { path: "a/b" });
  assert.deepEqual(parseSafePath("../b"), { fault: "dot-segment" });
  assert.equal(safePath("a/b"), "a/b");
  assert.throws(() => safePath("../b"), /dot-segment/);
});

test("an accepted path holds nothing that a file system, a URL or an FTP line could read as something else", () => {
  const unit = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(..."ab.~%+ -_C".split("")) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(..."/\\:*?<>|\"'#;&\u0000\n\r\t\u007f\u0085\u202e\u2066\ufeff\u00a0".split("")),
    },
    { weight: 1, arbitrary: fc.constantFrom("..", "NUL", "con", "é", "\ud800", "😀") },
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 14 }), (units) => {
      const text = units.join("");
      if (pathFault(text) !== null) return;
      accepted += 1;
      // Joined to a folder, by the rules of either world, it stays a child of that folder under its own name.
      const url = new URL(`http://h/base/${text.split("/").map(encodeURIComponent).join("/")}`);
      assert.equal(decodeURIComponent(url.pathname), `/base/${text}`);
      assert.equal(url.search + url.hash, "");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\\:*?<>|"\u202a-\u202e\u2066-\u2069]/u);
      assert.equal(Buffer.from(text).toString(), text);
      for (const segment of text.split("/")) {
        assert.notEqual(segment, "");
        assert.doesNotMatch(segment, /^\.{1,2}$|[. ]$/);
        assert.ok(Buffer.byteLength(segment) <= 255);
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(accepted > 100, `only ${accepted} paths were accepted: the property says nothing`);
});

test("names that would be one file on some file system have one key, others do not", () => {
  for (const [one, other] of [
    ["Readme", "README"],
    ["stra\u00dfe", "STRASSE"],
    ["\u03b1\u03c3", "\u03b1\u03c2"],
    ["\u0391\u03a3", "\u03b1\u03c3"],
    ["\ufb01le", "file"],
    ["a\u00adb", "ab"],
    ["\uff21", "a"],
    ["\u212a", "k"],
  ] as const)
    assert.equal(collisionKey(one), collisionKey(other), `${one} ${other}`);
  for (const [one, other] of [
    ["a", "b"],
    ["a/b", "ab"],
    ["a-b", "a_b"],
    ["o", "\u00f6"],
  ] as const)
    assert.notEqual(collisionKey(one), collisionKey(other), `${one} ${other}`);
});

test("a key does not depend on case or form, and is its own key", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 8 }), (text) => {
      const key = collisionKey(text);
      assert.equal(collisionKey(key), key);
      assert.equal(collisionKey(text.toUpperCase()), key);
      assert.equal(collisionKey(text.normalize("NFD")), key);
    }),
  );
});
