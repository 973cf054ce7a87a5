import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { DAY } from "../../core/kernel/instant.ts";
import { liveupdateTrust } from "../../core/model/source.ts";
import {
  cmsSignerOf,
  formatKeyFile,
  minisignSignerOf,
  newMinisignKey,
  newX509Key,
  parseKeyFile,
  trustInKey,
} from "./key-file.ts";
import { inspectMinisign, readMinisignKeys } from "./minisign.ts";
import { verifyPinnedCms } from "./pinned-cms.ts";
import { signDetachedCms } from "./write-cms.ts";
import { signMinisign } from "./write-minisign.ts";

const NOW = Date.UTC(2026, 10, 25);
const CONTENT = Buffer.from("content\r\n");
const minisign = newMinisignKey({ name: "Campus updates", now: NOW, randomBytes });
const x509 = newX509Key({ name: "Campus, updates = CN", now: NOW, randomBytes });

function refused(text: string): void {
  assert.throws(
    () => parseKeyFile(text, "KEY"),
    (error) => error instanceof Failure && error.code === "config.invalid",
  );
}

test("a key file is read as it was written", () => {
  for (const file of [minisign, x509]) assert.deepEqual(parseKeyFile(formatKeyFile(file), "KEY"), file);
});

test("an x509 key signs what its own trust takes, from the day before until ten years after", async () => {
  const trust = liveupdateTrust.parse(trustInKey(x509));
  const { signer, embed } = cmsSignerOf(x509);
  const signature = signDetachedCms(CONTENT, signer, { signedAt: NOW, embed });
  const statusAt = async (now: number): Promise<string | undefined> =>
    (await verifyPinnedCms({ signature, content: CONTENT, over: "v.grd", trust, signedAt: NOW, now }))[0]?.status;
  assert.equal(await statusAt(NOW), "good");
  assert.equal(await statusAt(NOW - 2 * DAY), "expired");
  assert.equal(await statusAt(NOW + 3_660 * DAY), "expired");
  const other = newX509Key({ name: x509.name, now: NOW, randomBytes });
  const theirs = signDetachedCms(CONTENT, cmsSignerOf(other).signer, { signedAt: NOW });
  const [finding] = await verifyPinnedCms({
    signature: theirs,
    content: CONTENT,
    over: "v.grd",
    trust,
    signedAt: NOW,
    now: NOW,
  });
  assert.equal(finding?.status, "unknown-key");
});

test("a minisign key signs what its public line takes", () => {
  const signature = signMinisign(minisignSignerOf(minisign), CONTENT, { signedAt: NOW, file: "recalls.json" });
  const keys = readMinisignKeys([minisign.publicKey]);
  const finding = inspectMinisign({ keys, signature, content: CONTENT, over: "recalls.json" });
  assert.deepEqual([finding.status, finding.signedAt], ["good", NOW]);
});

test("minisign itself takes it", { skip: needsProgram("minisign", "minisign") }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "key-file-"));
  try {
    const signature = signMinisign(minisignSignerOf(minisign), CONTENT, { signedAt: NOW, file: "list" });
    writeFileSync(path.join(folder, "list"), CONTENT);
    writeFileSync(path.join(folder, "list.minisig"), signature);
    const verify = (): number | null =>
      spawnSync("minisign", ["-V", "-H", "-P", minisign.publicKey, "-m", "list"], { cwd: folder }).status;
    assert.equal(verify(), 0);
    writeFileSync(path.join(folder, "list"), "other\n");
    assert.notEqual(verify(), 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a trusted comment cannot begin another line", () => {
  const sign = (file: string): Uint8Array => signMinisign(minisignSignerOf(minisign), CONTENT, { signedAt: NOW, file });
  for (const file of ["a\nb", "a\rb"]) assert.throws(() => sign(file), RangeError);
});

test("what is no key file is refused, and what it holds stays secret", () => {
  const other = newX509Key({ name: "Other", now: NOW, randomBytes });
  const stranger = newMinisignKey({ name: "Other", now: NOW, randomBytes });
  const bad: readonly unknown[] = [
    null,
    { ...minisign, format: "ringfort-key-2" },
    { ...minisign, more: 1 },
    { ...minisign, seed: "AAAA" },
    { ...minisign, publicKey: stranger.publicKey },
    { ...x509, certificate: other.certificate },
    { ...x509, certificate: "" },
    { ...x509, privateKey: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" },
    { ...x509, root: "no certificate" },
    { ...x509, intermediates: ["no certificate"] },
  ];
  for (const file of bad) refused(JSON.stringify(file));
  refused("{");
  const secret = `{"seed": "${minisign.seed}" oops}`;
  assert.throws(
    () => parseKeyFile(secret, "KEY"),
    (error) =>
      error instanceof Failure && !`${error.message}${String(error.cause)}`.includes(minisign.seed.slice(0, 8)),
  );
});

test("a name is one line for people", () => {
  for (const name of ["", "a\nb", "x".repeat(65)]) {
    assert.throws(
      () => newX509Key({ name, now: NOW, randomBytes }),
      (error) => error instanceof Failure && error.code === "config.invalid",
    );
    assert.throws(
      () => newMinisignKey({ name, now: NOW, randomBytes }),
      (error) => error instanceof Failure && error.code === "config.invalid",
    );
  }
});
