import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import {
  FORGED_KEYS,
  type ForgedDatabase,
  forgeCvd,
  forgeInfo,
  MEMBERS,
  STATEMENT,
  tarMember,
} from "../../../../test/fixtures/clamav-forge.ts";
import { inspectClamav } from "../../../../test/fixtures/inspected.ts";
import type { ContentFindings } from "../../../core/model/findings.ts";
import { PRODUCTION_KEYS } from "./keys.ts";

async function inspect(database: ForgedDatabase): Promise<ContentFindings> {
  return inspectClamav("main.cvd", forgeCvd(database), { keys: FORGED_KEYS });
}

function statuses({ signatures }: ContentFindings): readonly string[] {
  return signatures.map(({ scheme, status }) => `${scheme} ${status}`);
}

test("a database whose inside and outside agree", async () => {
  const seen = await inspect({});
  assert.deepEqual(statuses(seen), ["cvd-rsa good", "cvd-info-rsa-pss good"]);
  assert.deepEqual([seen.malformed, seen.contradictions, seen.expandedPastCap], [null, [], false]);
  assert.deepEqual([seen.version, seen.builtAt], [7, 1_624_412_045_000]);
  assert.deepEqual(seen.notes, {
    signatures: 2,
    functionalityLevel: 81,
    builder: "forger",
    members: 4,
    info: "forged.info",
  });
});

test("keys of our own are not the vendor's", async () => {
  const seen = await inspectClamav("main.cvd", forgeCvd(), { keys: PRODUCTION_KEYS });
  assert.notEqual(seen.signatures[0]?.status, "good");
  assert.deepEqual([seen.version, seen.builtAt], [null, null], "nothing proves them");
});

test("each field that the header claims is held against the signed .info", async () => {
  const claims = { version: 8, time: "23 Jun 2021 21-34 -0400", epoch: 1, signatures: 3, level: 1, builder: "other" };
  for (const [field, value] of Object.entries(claims)) {
    const seen = await inspect({ header: { [field]: value } });
    assert.equal(seen.contradictions.length, 1, field);
    assert.deepEqual(statuses(seen), ["cvd-rsa good", "cvd-info-rsa-pss good"], "the signatures do not show it");
    assert.equal(seen.version, 7, "the version is the signed one");
  }
});

test("members are held against the list in .info", async () => {
  const [first, second] = MEMBERS;
  assert.ok(first !== undefined && second !== undefined);
  const cases: Readonly<Record<string, readonly [ForgedDatabase, RegExp]>> = {
    "another content": [
      { members: [{ ...first, bytes: Buffer.from(first.bytes).fill(0x78, 0, 1) }, second], listed: MEMBERS },
      /SHA-256/,
    ],
    "another size": [
      { members: [{ ...first, bytes: Buffer.from("x") }, second], listed: MEMBERS },
      /bytes, \.info says/,
    ],
    missing: [{ members: [first], listed: MEMBERS }, /not in the body/],
    unlisted: [{ members: MEMBERS, listed: [first] }, /not listed/],
  };
  for (const [name, [database, expected]] of Object.entries(cases)) {
    const seen = await inspect(database);
    assert.equal(seen.contradictions.length, 1, name);
    assert.match(seen.contradictions[0] ?? "", expected, name);
  }
});

test("an .info that someone edited has a wrong signature", async () => {
  const seen = await inspect({ editInfo: (text) => text.replace(":7:", ":8:"), header: { version: 8 } });
  assert.deepEqual(statuses(seen), ["cvd-rsa good", "cvd-info-rsa-pss wrong"]);
});

test("an .info that clients could read otherwise is malformed", async () => {
  const info = forgeInfo(STATEMENT, MEMBERS);
  const bad: Readonly<Record<string, string>> = {
    "no signature": info.slice(0, info.indexOf("DSIG:")),
    "a line behind the signature": `${info}forged.fp:1:${"0".repeat(64)}\n`,
    "an empty line behind the signature": `${info}\n`,
    "no statement": info.slice(info.indexOf("\n") + 1),
    "a member twice": info.replace("DSIG:", `forged.hdb:1:${"0".repeat(64)}\nDSIG:`),
    "an MD5 for a SHA-256": info.replace("DSIG:", `x.hdb:1:${"0".repeat(32)}\nDSIG:`),
    "a carriage return": info.replaceAll("\n", "\r\n"),
    empty: "",
  };
  for (const [name, text] of Object.entries(bad)) {
    const seen = await inspect({ editInfo: () => text });
    assert.match(seen.malformed ?? "", /^\.info: /, name);
  }
});

test("exactly one .info, within its limit", async () => {
  const none = await inspect({ tar: (_, members) => Buffer.concat(members.map(tarMember)) });
  assert.match(none.malformed ?? "", /no \.info/);
  const two = await inspect({
    tar: (info, members) => Buffer.concat([info, { ...info, name: "other.INFO" }, ...members].map(tarMember)),
  });
  assert.match(two.malformed ?? "", /more than one \.info/);
  const huge = await inspect({ editInfo: (text) => text + "x".repeat(2_000_000) });
  assert.match(huge.malformed ?? "", /larger than/);
});

test("a body that is no gzip of a tar is malformed", async () => {
  for (const body of [
    (tar: Buffer) => tar,
    (tar: Buffer) => gzipSync(tar).subarray(0, -3),
    (tar: Buffer) => gzipSync(tar.subarray(0, -100)),
  ]) {
    assert.match((await inspect({ body })).malformed ?? "", /^body: /);
  }
  assert.match((await inspectClamav("main.cvd", Buffer.alloc(0), { keys: FORGED_KEYS })).malformed ?? "", /too few/);
});
