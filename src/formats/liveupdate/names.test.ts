import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { canonicalName } from "../../core/intake/index-spelling.ts";
import { pathFault } from "../../core/kernel/safe-path.ts";
import { indexName, isIndexName, isPlainName, isSideFileName, matchesPattern } from "./names.ts";

test("names are those that were seen on the wire", () => {
  const table = [
    [["Automatic LiveUpdate", "3.3.0.102", "English"], "automatic$20liveupdate_3.3.0.102_english_livetri.zip"],
    [["Automatic LiveUpdate", "3.0.0.154", "Portuguese"], "automatic$20liveupdate_3.0.0.154_portuguese_livetri.zip"],
    [
      ["Norton 2009 Streaming Virus Definitions", "1.0", "SymAllLanguages"],
      "norton$202009$20streaming$20virus$20definitions_1.0_symalllanguages_livetri.zip",
    ],
    [["A_B", "1", "x"], "a_b_1_x_livetri.zip"],
    [["50% $off/é", "1", "x"], "50$25$20$24off$2f$c3$a9_1_x_livetri.zip"],
  ] as const;
  for (const [[product, version, language], name] of table) {
    assert.equal(indexName({ product, version, language }), name);
    assert.ok(isIndexName(name));
  }
});

test("however a client spells a name, it is one name", () => {
  const name = "automatic$20liveupdate_3.3.0.102_english_livetri.zip";
  for (const spelt of [name, name.replace("$20", "%20"), name.replace("$20", " "), name.toUpperCase()])
    assert.equal(canonicalName(spelt), name);
  assert.notEqual(canonicalName(name.replace("$20", "$21")), name);
});

test("no product, version or language makes a name that leaves its folder", () => {
  const text = fc.string({ minLength: 1, maxLength: 5, unit: "grapheme" }).filter((s) => s.isWellFormed());
  fc.assert(
    fc.property(text, text, text, (product, version, language) => {
      const name = indexName({ product, version, language });
      const fault = pathFault(name);
      // A device's name in front of a dot is refused when the feed is judged; nothing else may go wrong.
      assert.ok(fault === null || fault === "reserved-name", `${name}: ${fault}`);
      assert.ok(!name.includes("/") && name === name.toLowerCase());
      assert.equal(canonicalName(name), name);
    }),
  );
});

test("an index, a package beside it, and neither", () => {
  for (const name of ["livetri.zip", "_livetri.zip", "a_livetri.zip.bak", "minitri.flg"])
    assert.equal(isIndexName(name), false, name);
  for (const name of ["1386431813jtun_streamset.zip", "1386431813x.m26"]) assert.ok(isSideFileName(name), name);
  for (const name of ["138643181jtun.zip", "enlu170a.x86", "1386431813", "1386431813x/y.zip"])
    assert.equal(isSideFileName(name), false, name);
});

test("a plain name is one file beside the index, for every reader", () => {
  for (const name of ["1386431813jtun_streamset.zip", "enlu170a.x86", "a b$20.zip"]) assert.ok(isPlainName(name), name);
  const bad = [
    "",
    "a/b",
    "a\\b",
    "../x",
    "..",
    ".",
    "/x",
    "c:x",
    "x:y",
    "x.",
    "x ",
    "x\n",
    "x?y",
    "x*",
    "x\u202ey",
    "é",
    "a".repeat(256),
  ];
  for (const name of bad) assert.equal(isPlainName(name), false, JSON.stringify(name));
});

test("a pattern is literal but for its stars, and without case", () => {
  const yes = [
    ["*", ""],
    ["*", "a/b"],
    ["Package*", "package12"],
    ["*virus*defs", "Norton Virus Scan Defs"],
    ["a*b*c", "aXbXbXc"],
    ["1.0", "1.0"],
  ];
  const no = [
    ["", "a"],
    ["Package*", "Pack"],
    ["1.0", "1x0"],
    ["a*b", "ab c"],
    ["?", "a"],
    ["*x", "xy"],
  ];
  for (const [pattern = "", text = ""] of yes) assert.ok(matchesPattern(pattern, text), `${pattern} ${text}`);
  for (const [pattern = "", text = ""] of no) assert.equal(matchesPattern(pattern, text), false, `${pattern} ${text}`);
  const few = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 12 });
  fc.assert(
    fc.property(few, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 16 }), (pattern, text) => {
      const model = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      assert.equal(matchesPattern(pattern, text), model.test(text));
    }),
  );
});
