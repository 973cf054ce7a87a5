import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LIMITS } from "../kernel/limits.ts";
import { isSet, parseUnit, type UnitEntries, valuesOf, wordsOf } from "./unit-file.ts";
import { quoteWord, writeUnit } from "./write-unit.ts";

function read(text: string): UnitEntries {
  const entries = parseUnit({ file: "a.service", text });
  assert.ok(!("kind" in entries), JSON.stringify(entries));
  return entries;
}

function refusal(text: string): string {
  const refused = parseUnit({ file: "a.service", text });
  assert.ok("kind" in refused);
  assert.equal(refused.code, "unit.malformed");
  return refused.detail;
}

test("a unit is read as systemd.syntax(7) says", () => {
  const entries = read(
    "\ufeff# a comment\n; another\n[Unit]\nDescription = two words \n\n[Service]\r\nExecStart=/bin/a one \\\n# between\n   two \\\nthree\nEnvironment=A=B=C\nExecStartPre=\\\\\nUMask=\n",
  );
  assert.deepEqual(entries, [
    { section: "Unit", name: "Description", value: "two words", line: 4 },
    { section: "Service", name: "ExecStart", value: "/bin/a one  two  three", line: 7 },
    { section: "Service", name: "Environment", value: "A=B=C", line: 11 },
    { section: "Service", name: "ExecStartPre", value: "\\\\", line: 12 },
    { section: "Service", name: "UMask", value: "", line: 13 },
  ]);
});

test("an empty assignment takes back what stood before, and is itself an assignment", () => {
  const entries = read(
    "[Service]\nExecStart=a\nExecStart=\nExecStart=b\nExecStart=c\nCapabilityBoundingSet=\n[Install]\nExecStart=x",
  );
  assert.deepEqual(valuesOf(entries, "ExecStart"), ["b", "c"]);
  assert.deepEqual(valuesOf(entries, "CapabilityBoundingSet"), []);
  assert.equal(isSet(entries, "CapabilityBoundingSet"), true);
  assert.equal(isSet(entries, "AmbientCapabilities"), false);
});

test("what systemd would only warn of is refused, with the line", () => {
  for (const [text, line] of [
    ["[Service]\nExecStart", 2],
    ["User=x", 1],
    ["[Service\nUser=x", 1],
    ["[Ser vice]", 1],
    ["[Service]\n\n=x", 3],
    ["[Service]\nUs er=x", 2],
    ["[Service]\nUser=a\u0000b", 2],
    ["[Service]\nUser=\u001b[2J", 2],
  ] as const)
    assert.match(refusal(text), new RegExp(`line ${line}: `), JSON.stringify(text));
});

test("no unit is larger than the ceilings, a line with its continuations neither", () => {
  assert.ok(refusal(`[Service]\n${"#".repeat(LIMITS.unitBytes)}`));
  assert.ok(refusal(`[Service]\nEnvironment=${"a \\\n".repeat(LIMITS.unitLineLength / 2)}`));
  assert.ok(refusal(`[Service]\n${"A=\n".repeat(LIMITS.unitEntries + 1)}`));
});

test("whatever stands in a file, the reader ends, and says where it stopped", () => {
  const piece = fc.constantFrom("[", "]", "=", "\\", "\n", "#", " ", "Service", "User", '"', "%", "\r", "\u0000", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const read = parseUnit({ file: "a.service", text: pieces.join("") });
      return "kind" in read ? read.detail.includes("line ") : read.every(({ line }) => line > 0);
    }),
  );
});

test("what is written is read back, paths with blanks and percent signs too", () => {
  const paths = ["/srv/a b", '/srv/"q"', "/srv/50%", "/srv/back\\slash", "/srv/plain-1.2"];
  const value = paths.map((path) => quoteWord(path)).join(" ");
  const text = writeUnit("made by a test\nand more", [
    { name: "Service", entries: [{ name: "ReadWritePaths", value, comment: "why ".repeat(60).trim() }] },
  ]);
  assert.deepEqual(
    wordsOf(valuesOf(read(text), "ReadWritePaths")[0] ?? "").map((word) => word.replaceAll("%%", "%")),
    paths,
  );
  for (const line of text.split("\n")) assert.ok(line.length < 200);
});

test("nothing that would be a second line is written", () => {
  assert.equal(quoteWord("/srv/a\nExecStart=/bin/sh"), null);
  const write = (value: string) => () => writeUnit("", [{ name: "Service", entries: [{ name: "User", value }] }]);
  assert.throws(write("a\nb"));
  assert.throws(write("a\\"));
  const comment = writeUnit("", [{ name: "Service", entries: [{ name: "User", value: "a", comment: "x\\" }] }]);
  assert.deepEqual(valuesOf(read(comment), "User"), ["a"]);
});
