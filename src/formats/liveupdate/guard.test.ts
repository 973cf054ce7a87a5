import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LIMITS } from "../../core/kernel/limits.ts";
import { readGuard } from "./guard.ts";
import { writeGuard } from "./write-guard.ts";

const SHA1 = "a".repeat(40);
const SHA256 = "b".repeat(64);
const HEADER =
  "[GuardHeader]\nLegal=Synthetic\nLastModifiedUtcSeconds=1769904000\nLastModifiedGmtFormated=20260201 00:00:00\n";
const FILE = `[File-liveupdt.tri]\nSHA1=${SHA1}\nSHA256=${SHA256}\n`;

const read = (text: string | Uint8Array) => readGuard(Buffer.from(text));

test("a guard is read as its header, its date and its files", () => {
  const wanted = {
    guard: {
      legal: "Synthetic",
      lastModified: Date.UTC(2026, 1, 1),
      files: [{ name: "liveupdt.tri", sha1: SHA1, sha256: SHA256 }],
    },
  };
  assert.deepEqual(read(HEADER + FILE), wanted);
  assert.deepEqual(read((HEADER + FILE).replaceAll("\n", "\r\n")), wanted);
  assert.deepEqual(read((HEADER + FILE).trimEnd()), wanted);
  assert.deepEqual(read(`\n${HEADER}\n${FILE.replace("SHA1", "sha1").replace(SHA256, SHA256.toUpperCase())}`), wanted);
  // What nobody documented is left alone.
  assert.deepEqual(read(`${HEADER}Unknown=1\n${FILE}Size=5\n[Other]\nx=y\n`), wanted);
});

test("either date is enough, and none is no date", () => {
  const date = (text: string) => {
    const result = read(text + FILE);
    return "guard" in result ? result.guard.lastModified : result.malformed;
  };
  assert.equal(date("[GuardHeader]\nLastModifiedUtcSeconds=1769904000\n"), Date.UTC(2026, 1, 1));
  assert.equal(date("[GuardHeader]\nLastModifiedGmtFormated=20260201 00:00:00\n"), Date.UTC(2026, 1, 1));
  assert.equal(date("[GuardHeader]\n"), null);
});

test("files of the old days have SHA-1 alone", () => {
  const result = read(`${HEADER}[File-a.x86]\nSHA1=${SHA1}\n`);
  assert.ok("guard" in result);
  assert.deepEqual(result.guard.files, [{ name: "a.x86", sha1: SHA1, sha256: null }]);
});

test("what two readers could take for different things is malformed", () => {
  const table = {
    "no header": FILE,
    "a byte order mark": `\ufeff${HEADER}${FILE}`,
    "mixed line ends": HEADER + FILE.replace("\n", "\r\n"),
    "one line end that hides a key": (HEADER + FILE).replaceAll("\n", "\r\n").replace("Synthetic\r\n", "Synthetic\n"),
    "a lone carriage return": (HEADER + FILE).replace("Synthetic", "Syn\rthetic"),
    "carriage returns alone": (HEADER + FILE).replaceAll("\n", "\r"),
    "the same section twice": HEADER + FILE + FILE,
    "the same file in another case": HEADER + FILE + FILE.replace("liveupdt.tri", "LIVEUPDT.TRI"),
    "two headers": HEADER + HEADER + FILE,
    "a key twice": `${HEADER}${FILE}sha1=${SHA1}\n`,
    "a line before the sections": `x=y\n${HEADER}${FILE}`,
    "a line that is nothing": `${HEADER}${FILE}what\n`,
    "a comment": `${HEADER}; SHA1=${SHA1}\n${FILE}`,
    "a section that is not closed": `${HEADER}[File-x\nSHA1=${SHA1}\n`,
    "a section in a section": `${HEADER}[File-x]]\nSHA1=${SHA1}\n`,
    "a name that is not ASCII": `${HEADER}[File-\u00e9]\nSHA1=${SHA1}\n`,
    "a zero byte": HEADER.replace("Synthetic", "a\u0000b") + FILE,
    "a file without a digest": `${HEADER}[File-x]\n`,
    "a digest that is too short": HEADER + FILE.replace(SHA1, SHA1.slice(1)),
    "a digest with blanks around it": HEADER + FILE.replace(SHA256, ` ${SHA256}`),
    "dates that differ": HEADER.replace("00:00:00", "00:00:01") + FILE,
    "a day that never was": `[GuardHeader]\nLastModifiedGmtFormated=20260231 00:00:00\n${FILE}`,
    "a date that is text": HEADER.replace("1769904000", "now") + FILE,
  };
  for (const [what, text] of Object.entries(table)) assert.ok("malformed" in read(text), what);
  assert.ok("malformed" in read(Buffer.alloc(LIMITS.guardTextBytes + 1, "\n")), "too long");
  assert.ok("malformed" in read("\n".repeat(LIMITS.guardTextLines + 1)), "too many lines");
});

test("a legal line in an older encoding is shown, not understood", () => {
  const result = readGuard(Buffer.from((HEADER + FILE).replace("Synthetic", "\u00a9 Synthetic"), "latin1"));
  assert.ok("guard" in result);
  assert.equal(result.guard.legal, "\u00a9 Synthetic");
});

test("what is written is read back", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "B", "0", ".", "_", "-", " ", "(", "$"), minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom("\n", "\r\n"), fc.integer({ min: 0, max: 4e9 }), name, (lineEnd, seconds, text) => {
      const file = { name: `x${text}x`, bytes: Buffer.from("content") };
      const result = readGuard(writeGuard([file], { legal: "L", lastModified: seconds * 1_000, lineEnd }));
      assert.ok("guard" in result, JSON.stringify(result));
      assert.deepEqual([result.guard.lastModified, result.guard.files[0]?.name], [seconds * 1_000, file.name]);
    }),
  );
});

test("no bytes break it", () => {
  const piece = fc.constantFrom(
    ...HEADER.split("\n"),
    ...FILE.split("\n"),
    "\n",
    "\r\n",
    "[",
    "]",
    "=",
    "\ufeff",
    "\u0000",
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => void read(pieces.join("\n"))));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readGuard(bytes)));
});
