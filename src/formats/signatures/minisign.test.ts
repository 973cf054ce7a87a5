import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { makeMinisignVendor, signMinisign } from "../../../test/upstream/signing.ts";
import { inspectMinisign, readMinisignKeys } from "./minisign.ts";

const content = Buffer.from("what is signed\n");
const vendor = makeMinisignVendor();
const stranger = makeMinisignVendor(new Uint8Array([9, 9, 9, 9, 9, 9, 9, 9]));
/** Another key under the vendor's id: what somebody would make who wants to be taken for the vendor. */
const impostor = makeMinisignVendor();
const signedAt = Date.UTC(2026, 10, 1);
const honest = signMinisign(vendor, content, { signedAt });

const inspect = (signature: string | Uint8Array, over: Uint8Array = content) =>
  inspectMinisign({
    keys: readMinisignKeys([vendor.publicKey]),
    signature: Buffer.from(signature),
    content: over,
    over: "list",
  });

const withLine = (number: number, change: (line: string) => string): string =>
  honest
    .split("\n")
    .map((line, at) => (at === number - 1 ? change(line) : line))
    .join("\n");

const swapped = (line: string): string => `${line.slice(0, 20)}${line[20] === "A" ? "B" : "A"}${line.slice(21)}`;

/** Every case of the table, with what is to be seen; the last says whether minisign's own program accepts it. */
const cases: readonly (readonly [
  name: string,
  signature: string,
  over: Uint8Array,
  status: string,
  accepted: boolean,
])[] = [
  ["prehashed", honest, content, "good", true],
  ["legacy", signMinisign(vendor, content, { signedAt, legacy: true }), content, "good", true],
  ["CR LF line ends", honest.replaceAll("\n", "\r\n"), content, "good", true],
  ["no line end at its end", honest.trimEnd(), content, "good", true],
  ["another untrusted comment", withLine(1, () => "untrusted comment: anything"), content, "good", true],
  ["other content", honest, Buffer.from("what is signeD\n"), "wrong", false],
  ["no content", honest, new Uint8Array(0), "wrong", false],
  ["another signature", withLine(2, swapped), content, "wrong", false],
  ["another trusted comment", withLine(3, (line) => line.replace(/\d{4}/, "9999")), content, "wrong", false],
  ["a longer trusted comment", withLine(3, (line) => `${line} timestamp:9999999999`), content, "wrong", false],
  ["another global signature", withLine(4, swapped), content, "wrong", false],
  ["a stranger's", signMinisign(stranger, content, { signedAt }), content, "unknown-key", false],
  ["an impostor's under the vendor's id", signMinisign(impostor, content, { signedAt }), content, "wrong", false],
  ["empty", "", content, "malformed", false],
  ["no untrusted comment", withLine(1, () => "comment"), content, "malformed", false],
  ["a cut signature", withLine(2, (line) => line.slice(0, 40)), content, "malformed", false],
  ["an unknown algorithm", withLine(2, (line) => `RX${line.slice(2)}`), content, "malformed", false],
  ["no trusted comment", honest.split("\n").slice(0, 2).join("\n"), content, "malformed", false],
  ["no global signature", honest.split("\n").slice(0, 3).join("\n"), content, "malformed", false],
];

test("each case is seen for what it is", () => {
  for (const [name, signature, over, status] of cases) assert.equal(inspect(signature, over).status, status, name);
});

test("a good signature tells its signer and its time", () => {
  const finding = inspect(honest);
  assert.deepEqual(
    [finding.scheme, finding.over, finding.signer, finding.signedAt],
    ["minisign", "list", vendor.id, signedAt],
  );
  assert.equal(inspect(signMinisign(vendor, content, { signedAt, comment: "no time here" })).signedAt, null);
});

test("a time is only told where it is proved", () => {
  for (const [name, signature, over, status] of cases)
    if (status !== "good") assert.equal(inspect(signature, over).signedAt, null, name);
});

test("a trusted comment with control characters is quoted", () => {
  const { detail } = inspect(signMinisign(vendor, content, { signedAt, comment: "a\u001b[31mb" }));
  assert.equal(detail, "a\\u001b[31mb");
});

test("a public key that is none is the source's fault", () => {
  for (const key of ["", "RWnonsense", Buffer.alloc(42).toString("base64"), vendor.publicKey.slice(0, -1)]) {
    assert.throws(() => readMinisignKeys([key]), { code: "source.invalid" });
  }
});

test("garbage never throws and is never good", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => assert.equal(inspect(bytes).status, "malformed")),
  );
  fc.assert(
    fc.property(fc.nat(honest.length - 2), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(honest);
      if (bytes[at] === byte) return;
      bytes[at] = byte;
      // The untrusted comment is free, and Latin-1 and UTF-8 agree on nothing else here.
      if (at > honest.indexOf("\n")) assert.notEqual(inspect(bytes).status, "good");
    }),
  );
});

test("the verdict is minisign's own", { skip: needsProgram("minisign", "minisign") }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "minisign-"));
  try {
    for (const [name, signature, over, status, accepted] of cases) {
      writeFileSync(path.join(folder, "f"), over);
      writeFileSync(path.join(folder, "f.minisig"), signature);
      const { status: exit } = spawnSync("minisign", ["-V", "-q", "-P", vendor.publicKey, "-m", "f"], { cwd: folder });
      assert.equal(exit === 0, accepted, `${name}: minisign`);
      assert.equal(status === "good", accepted, `${name}: this table`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what minisign itself makes is good", { skip: needsProgram("minisign", "minisign") }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "minisign-"));
  try {
    writeFileSync(path.join(folder, "f"), content);
    const run = (...options: readonly string[]) =>
      assert.equal(spawnSync("minisign", options, { cwd: folder }).status, 0, options.join(" "));
    run("-G", "-W", "-p", "p", "-s", "s");
    const [comment, publicKey] = readFileSync(path.join(folder, "p"), "utf8").split("\n");
    const keys = readMinisignKeys([publicKey ?? ""]);
    for (const legacy of [[], ["-l"]]) {
      run("-S", ...legacy, "-s", "s", "-m", "f");
      const signature = readFileSync(path.join(folder, "f.minisig"));
      const finding = inspectMinisign({ keys, signature, content, over: "f" });
      assert.equal(finding.status, "good");
      assert.equal(comment, `untrusted comment: minisign public key ${finding.signer}`);
      assert.ok(finding.signedAt !== null && finding.signedAt > 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
