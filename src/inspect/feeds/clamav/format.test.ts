import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import fc from "fast-check";
import { inspectClamav, NOW, TestQuarantine } from "../../../../test/fixtures/inspected.ts";
import { needs, needsProgram, needsSharedData, sharedData } from "../../../../test/fixtures/needs.ts";
import type { ContentFindings } from "../../../core/model/findings.ts";
import { PRODUCTION_KEYS } from "./keys.ts";

/** Real vendor files against the vendor's own programs. */
const CVDS = ["test-1.cvd", "test-2.cvd", "test-3.cvd", "test-4.cvd", "test-5.cvd", "test-6.cvd", "bytecode-19.cvd"];
const CDIFFS = ["test-2.cdiff", "test-3.cdiff", "test-4.cdiff", "test-5.cdiff", "test-6.cdiff"];

const needsData = needsSharedData("clamav", "test-6.cvd");
const needsSigtool = needs(needsData, needsProgram("sigtool", "clamav"));
const needsOpenssl = needs(needsData, needsProgram("openssl", "openssl"));

function real(name: string): Buffer {
  return readFileSync(sharedData("clamav", name));
}

/** What a judge would accept: whole, signed, and of one mind with itself. */
function isGood({ malformed, signatures, contradictions, expandedPastCap }: ContentFindings): boolean {
  return (
    malformed === null &&
    !expandedPastCap &&
    contradictions.length === 0 &&
    signatures.length > 0 &&
    signatures.every(({ status }) => status === "good")
  );
}

async function inspect(name: string, bytes: Uint8Array): Promise<ContentFindings> {
  return inspectClamav(name, bytes, { keys: PRODUCTION_KEYS });
}

function flipped(bytes: Buffer, at: number, bit = 0): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

function edited(bytes: Buffer, from: string, to: string): Buffer {
  assert.ok(bytes.includes(from) && from.length === to.length);
  return Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");
}

test("the real databases are good", { skip: needsData }, async () => {
  for (const [at, name] of CVDS.entries()) {
    const seen = await inspect(name, real(name));
    assert.ok(isGood(seen), `${name}: ${JSON.stringify(seen)}`);
    assert.equal(seen.version, [1, 2, 3, 4, 5, 6, 19][at]);
  }
  const seen = await inspect("daily.cvd", real("test-6.cvd"));
  assert.ok(isGood(seen), "the name that it is published under is not signed");
  assert.equal(seen.builtAt, 1_624_412_045_000);
  assert.deepEqual(seen.notes, {
    signatures: 14,
    functionalityLevel: 81,
    builder: "micasnyd",
    members: 20,
    info: "test.info",
  });
});

test("sigtool's verdict on databases, real and tampered, is ours", { skip: needsSigtool }, async () => {
  using quarantine = new TestQuarantine();
  const cvd = real("test-6.cvd");
  const cases: readonly (readonly [string, Buffer, boolean])[] = [
    ...CVDS.map((name) => [name, real(name), true] as const),
    ["payload flipped", flipped(cvd, 5_000), false],
    ["last byte flipped", flipped(cvd, cvd.length - 1), false],
    ["MD5 forged to fit a flipped payload", forgeMd5(flipped(cvd, 5_000)), false],
    ["signature flipped", edited(cvd, ":Dou6", ":Eou6"), false],
    ["version edited", edited(cvd, "-0400:6:14:", "-0400:7:14:"), false],
    ["signature count edited", edited(cvd, "-0400:6:14:", "-0400:6:15:"), false],
    ["level edited", edited(cvd, ":14:81:", ":14:82:"), false],
    ["build time edited", edited(cvd, ":1624412045", ":1624412046"), false],
    ["truncated", cvd.subarray(0, -1), false],
    ["truncated to the header", cvd.subarray(0, 512), false],
    ["truncated in the header", cvd.subarray(0, 300), false],
    ["bytes behind it", Buffer.concat([cvd, Buffer.from("x")]), false],
    ["a page for a file", Buffer.from("<html>".padEnd(2_000, " ")), false],
    ["empty", Buffer.alloc(0), false],
  ];
  for (const [name, bytes, expected] of cases) {
    const file = path.join(quarantine.folder, "main.cvd");
    writeFileSync(file, bytes);
    const run = spawnSync("sigtool", ["--info", file], { encoding: "utf8" });
    const oracle = run.status === 0 && run.stdout.includes("Verification OK.");
    const ours = isGood(await inspect("main.cvd", bytes));
    assert.deepEqual({ oracle, ours }, { oracle: expected, ours: expected }, name);
  }
});

function forgeMd5(cvd: Buffer): Buffer {
  const before = cvd.toString("latin1", 0, 512).split(":")[5] ?? "";
  return edited(cvd, before, createHash("md5").update(cvd.subarray(512)).digest("hex"));
}

test("sigtool's verdict on patches, real and tampered, is ours", { skip: needsSigtool }, async () => {
  using quarantine = new TestQuarantine();
  const oracleOf = (number: number, bytes: Buffer): boolean => {
    copyFileSync(sharedData("clamav", `test-${number - 1}.cvd`), path.join(quarantine.folder, "test.cvd"));
    writeFileSync(path.join(quarantine.folder, `test-${number}.cdiff`), bytes);
    const run = spawnSync("sigtool", [`--verify-cdiff=test-${number}.cdiff`, "test.cvd"], {
      cwd: quarantine.folder,
      encoding: "utf8",
    });
    return run.status === 0 && run.stdout.includes("correctly applies");
  };
  for (const number of [2, 3, 4, 5, 6]) {
    const name = `test-${number}.cdiff`;
    const bytes = real(name);
    const seen = await inspect(name, bytes);
    assert.deepEqual([seen.version, seen.contradictions], [number, []]);
    assert.deepEqual({ oracle: oracleOf(number, bytes), ours: isGood(seen) }, { oracle: true, ours: true }, name);
  }
  const patch = real("test-3.cdiff");
  const bad: Readonly<Record<string, Buffer>> = {
    "payload flipped": flipped(patch, 500),
    "version edited": edited(patch, "Diff:3:", "Diff:4:"),
    "signature flipped": flipped(patch, patch.length - 10),
    truncated: patch.subarray(0, -20),
    empty: Buffer.alloc(0),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    assert.deepEqual(
      { oracle: oracleOf(3, bytes), ours: isGood(await inspect("test-3.cdiff", bytes)) },
      { oracle: false, ours: false },
      name,
    );
  }
});

test("openssl's verdict on .sign files, good and tampered, is ours", { skip: needsOpenssl }, async () => {
  using quarantine = new TestQuarantine();
  const root = real("clamav-test-root.crt").toString();
  const anchor = path.join(quarantine.folder, "root.pem");
  writeFileSync(anchor, root);
  const oracleOf = (bytes: Buffer, sign: Buffer): boolean => {
    const [content, der] = ["content", "der"].map((name) => path.join(quarantine.folder, name));
    writeFileSync(content ?? "", bytes);
    writeFileSync(der ?? "", Buffer.from(sign.toString("latin1").split(":").at(-1) ?? "", "base64"));
    const at = ["-attime", String(NOW / 1_000), "-purpose", "any", "-CAfile", anchor];
    return (
      spawnSync("openssl", [
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        der ?? "",
        "-content",
        content ?? "",
        ...at,
      ]).status === 0
    );
  };
  const oursOf = async (name: string, bytes: Buffer, sign: Buffer): Promise<boolean> => {
    const { signatures } = await inspectClamav(name, bytes, { keys: PRODUCTION_KEYS, sign, roots: [root] });
    const cms = signatures.filter(({ scheme }) => scheme === "x509-cms");
    return cms.length > 0 && cms.every(({ status, over }) => status === "good" && over === name);
  };
  for (const name of [...CVDS.slice(0, 6), ...CDIFFS]) {
    const [bytes, sign] = [real(name), real(`${name}.sign`)];
    assert.deepEqual(
      { oracle: oracleOf(bytes, sign), ours: await oursOf(name, bytes, sign) },
      { oracle: true, ours: true },
      name,
    );
  }
  const [bytes, sign] = [real("test-6.cvd"), real("test-6.cvd.sign")];
  const der = Buffer.from(sign.toString("latin1").split(":").at(-1) ?? "", "base64");
  const wrapped = (changed: Buffer): Buffer =>
    Buffer.from(`#clamsign-1.0\n230::pkcs7-pem:${changed.toString("base64")}\n`);
  const bad: Readonly<Record<string, readonly [Buffer, Buffer]>> = {
    "content flipped": [flipped(bytes, 700), sign],
    "the signature of another version": [bytes, real("test-5.cvd.sign")],
    "signature value flipped": [bytes, wrapped(flipped(der, der.length - 5))],
    "message digest flipped": [bytes, wrapped(flipped(der, der.indexOf(createHash("sha256").update(bytes).digest())))],
    "cut off": [bytes, wrapped(der.subarray(0, -1))],
  };
  for (const [name, [content, signature]] of Object.entries(bad)) {
    assert.deepEqual(
      { oracle: oracleOf(content, signature), ours: await oursOf("test-6.cvd", content, signature) },
      { oracle: false, ours: false },
      name,
    );
  }
});

test("a .sign file is held against the roots that the source trusts, today", { skip: needsData }, async () => {
  const [bytes, sign] = [real("test-6.cvd"), real("test-6.cvd.sign")];
  const root = real("clamav-test-root.crt").toString();
  const statusOf = async (
    roots: readonly string[],
    now: number,
    changed: Uint8Array = sign,
  ): Promise<string | undefined> => {
    const { signatures } = await inspectClamav("main.cvd", bytes, { keys: PRODUCTION_KEYS, sign: changed, roots, now });
    return signatures.find(({ scheme }) => scheme === "x509-cms")?.status;
  };
  assert.equal(await statusOf([root], NOW), "good");
  assert.equal(await statusOf([real("clamav-root.crt").toString()], NOW), "unknown-key");
  assert.equal(await statusOf([], NOW), "unknown-key");
  assert.equal(await statusOf([root], Date.UTC(2027, 3, 1)), "expired");
  assert.equal(await statusOf([root], Date.UTC(2025, 1, 1)), "expired", "not valid yet");
  const text = sign.toString("latin1");
  const unusable = [
    "",
    "#clamsign-1.0\n",
    text.replace("1.0", "2.0"),
    text.replace("pkcs7-pem", "other"),
    text.replace("==", "="),
    `${text}junk\n`,
  ];
  for (const changed of unusable)
    assert.equal(await statusOf([root], NOW, Buffer.from(changed, "latin1")), "malformed", changed.slice(0, 40));
  assert.equal(await statusOf([root], NOW, Buffer.alloc(2_000_000, "#")), "malformed");
  const comments = text.replace("\n", "\n# a comment\n\n");
  assert.equal(await statusOf([root], NOW, Buffer.from(comments, "latin1")), "good");
});

test("no flipped bit of a real file leaves it good", { skip: needsData }, async () => {
  for (const name of ["test-6.cvd", "test-1.cvd", "test-3.cdiff"]) {
    const bytes = real(name);
    const header = fc.nat(Math.min(bytes.length, 400) * 8 - 1);
    await fc.assert(
      fc.asyncProperty(fc.oneof(header, fc.nat(bytes.length * 8 - 1)), async (bit) => {
        assert.equal(isGood(await inspect(name, flipped(bytes, bit >> 3, bit & 7))), false);
      }),
      { numRuns: 80 },
    );
  }
});

test("any bytes end in findings", async () => {
  const start = fc.constantFrom("", "ClamAV-VDB:", "ClamAV-Diff:2:");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("main.cvd", "main-2.cdiff", "main.other"),
      start,
      fc.uint8Array({ maxLength: 700 }),
      async (name, head, bytes) => {
        assert.equal(isGood(await inspect(name, Buffer.concat([Buffer.from(head), bytes]))), false);
      },
    ),
    { numRuns: 100 },
  );
});
