import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { needsProgram } from "../../../../test/fixtures/needs.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { readChecksumList } from "./checksum-list.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const C = "c".repeat(128);

function files(text: string): readonly (readonly [string, string | undefined, string | undefined])[] {
  const list = readChecksumList(text);
  assert.equal(list.malformed, null);
  return (list.malformed === null ? list.files : []).map(({ path: name, digests }) => [
    name,
    digests.sha256,
    digests.sha512,
  ]);
}

test("the lines that are read, and what they say", () => {
  const table: readonly (readonly [line: string, name: string, sha256?: string | undefined, sha512?: string])[] = [
    [`${A}  name`, "name", A],
    [`${A} *name`, "name", A],
    [`${A.toUpperCase()}  name`, "name", A],
    [`${C}  name`, "name", undefined, C],
    [`${A}  name\r`, "name", A],
    [`  ${A}  name`, "name", A],
    [`${A}  ./name`, "name", A],
    [`${A}  ././d/name`, "d/name", A],
    [`${A}   a name with spaces `, " a name with spaces ", A],
    [`${A}  *star`, "*star", A],
    [`\\${A}  a\\\\b\\nc\\rd`, "a\\b\nc\rd", A],
    [`${A}  a\\nb`, "a\\nb", A],
    [`SHA256 (name) = ${A}`, "name", A],
    [`SHA512 (name) = ${C}`, "name", undefined, C],
    [`SHA256 (a (1).zip) = ${A}`, "a (1).zip", A],
    [`SHA256 (a) = b) = ${A}`, "a) = b", A],
    [`\\SHA256 (a\\nb) = ${A}`, "a\nb", A],
    [`SHA256(name)= ${A}`, "name", A],
    [`SHA2-256(name)= ${A}`, "name", A],
    [`${A}  ../../etc/passwd`, "../../etc/passwd", A],
    [`${A}  /etc/passwd`, "/etc/passwd", A],
    [`${A}  a\u0007b\u202ec`, "a\u0007b\u202ec", A],
    [`${A}  grün.zip`, "grün.zip", A],
  ];
  for (const [line, name, sha256, sha512] of table) assert.deepEqual(files(line), [[name, sha256, sha512]], line);
});

test("comments, blank lines and Windows line ends are no names", () => {
  assert.deepEqual(files(`# made by hand\r\n\r\n  \t\n${A}  x\r\n\n`), [["x", A, undefined]]);
  assert.deepEqual(files(""), []);
});

test("what cannot be read stops the list, with its place", () => {
  const faults = [
    "nonsense",
    `${"d".repeat(32)}  md5`,
    `${"d".repeat(40)}  sha1`,
    `${"d".repeat(96)}  sha384`,
    `MD5 (x) = ${"d".repeat(32)}`,
    `SHA1 (x) = ${"d".repeat(40)}`,
    `SHA3-256 (x) = ${A}`,
    `SHA256 (x) = ${C}`,
    `SHA256 (x) = nothex`,
    `SHA256 (x`,
    `${A} x`,
    `${A}\tx`,
    `${A}x`,
    `${A}  `,
    `${A}  ./`,
    A,
    `\\${A}  a\\tb`,
    `\\${A}  a\\`,
    `${A}  ${"x".repeat(LIMITS.listLineBytes)}`,
    `${A}  ${"ü".repeat(LIMITS.listLineBytes / 2)}`,
  ];
  for (const fault of faults)
    assert.match(readChecksumList(`# first\n${A}  good\n${fault}\n`).malformed ?? "", /^line 3: /, fault);
});

test("SHA-256 and SHA-512 of one name are one entry; a line said twice counts once", () => {
  assert.deepEqual(files(`${A}  x\n${C}  x\n${A} *./x\n${B}  y\n`), [
    ["x", A, C],
    ["y", B, undefined],
  ]);
});

test("contradicting lines stay apart, and however many they are cost no more than their number", () => {
  assert.deepEqual(
    files(`${A}  x\n${B}  x\n`).map(([name]) => name),
    ["x", "x"],
  );
  const lines = Array.from({ length: 50_000 }, (_, at) => `${at.toString(16).padStart(64, "0")}  x`).join("\n");
  assert.equal(files(lines).length, 2);
});

test("names that differ in case alone are two facts", () => {
  assert.deepEqual(
    files(`${A}  x\n${B}  X\n`).map(([name]) => name),
    ["x", "X"],
  );
});

test("garbage never throws", () => {
  const line = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("a", "0", " ", "*", "\\", "(", ")", "=", "\n", "\r", "#") }),
    fc.constantFrom(A, C, "SHA256 (", ") = ", "  "),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (parts) => void readChecksumList(parts.join(""))),
    { numRuns: 500 },
  );
});

test("sha256sum accepts the same names, with the same content", {
  skip: needsProgram("sha256sum", "coreutils"),
}, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sums-"));
  try {
    const names = [
      "plain",
      "with space",
      " leading",
      "*star",
      "back\\slash",
      "new\nline",
      "return\rinside",
      "a) = b",
      "grün",
      "#hash",
      "\\n",
    ];
    for (const name of names) writeFileSync(path.join(folder, name), `content of ${name}`);
    const wanted = names.map((name) => [
      name,
      createHash("sha256").update(`content of ${name}`).digest("hex"),
      undefined,
    ]);
    for (const options of [[], ["--tag"], ["--binary"], ["--text"]]) {
      const made = spawnSync("sha256sum", [...options, "--", ...names], { cwd: folder, encoding: "utf8" });
      assert.equal(made.status, 0);
      assert.deepEqual(files(made.stdout), wanted, options.join());
      writeFileSync(path.join(folder, "LIST"), made.stdout);
      assert.equal(
        spawnSync("sha256sum", ["--check", "--strict", "--quiet", "LIST"], { cwd: folder }).status,
        0,
        options.join(),
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
