import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { openBlobs } from "../../src/store/blobs/filesystem.ts";
import { replaceDurably } from "../../src/store/durable.ts";
import { openSqliteLedger } from "../../src/store/ledgers/sqlite.ts";
import { openQuarantine } from "../../src/store/quarantine.ts";
import { accept, landBytes, someBytes } from "./landed.ts";
import { AT, draftOf, failsWith, specOf } from "./ledger-samples.ts";

const atStep = (): void => undefined;
const MIB = 1024 * 1024;

/** A file system of 2 MiB, or `null` and the test skipped where we may not mount one. */
function smallDisk(t: TestContext): string | null {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmdirSync(folder);
    t.skip("needs the right to mount a tmpfs (root)");
    return null;
  }
  t.after(() => {
    execFileSync("umount", [folder]);
    rmdirSync(folder);
  });
  return folder;
}

void test("a disk that fills up under a landing is store.full, and the half file is gone", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const folder = path.join(disk, "quarantine");
  const quarantine = await openQuarantine({ folder, atStep, random: () => "run" });
  await assert.rejects(landBytes(quarantine, someBytes(6 * MIB), { slice: MIB }), failsWith("store.full"));
  const small = await quarantine.land("k", { most: 4 * MIB, resume: false, sha512: false });
  small.write(someBytes(3 * MIB));
  await assert.rejects(small.finish(), { code: "store.full", retry: "later" });
  const kept = await quarantine.land("k", { most: 4 * MIB, resume: false, sha512: false });
  kept.write(someBytes(3 * MIB));
  await kept.abandon(true);
  assert.equal(await quarantine.held("k"), null);
  assert.deepEqual(await readdir(folder), []);
});

void test("after a full disk the store goes on as if nothing had been", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const quarantineFolder = path.join(disk, "quarantine");
  const quarantine = await openQuarantine({ folder: quarantineFolder, atStep, random: () => "run" });
  const options = { folder: path.join(disk, "blobs"), quarantine: quarantineFolder, atStep, now: () => AT };
  const blobs = await openBlobs(options);
  const landing = await quarantine.land("k", { most: 4 * MIB, resume: false, sha512: false });
  landing.write(someBytes(3 * MIB));
  await assert.rejects(landing.finish(), failsWith("store.full"));
  const landed = await landBytes(quarantine, someBytes(MIB));
  await blobs.admit(accept(landed));
  await blobs.settle();
  assert.equal(await blobs.check(landed.sha256, MIB), "whole");
  assert.ok((await blobs.freeBytes()) <= MIB);
});

void test("a revision that finds no room is not there, and is there when room is made", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const ledger = await openSqliteLedger({ file: path.join(disk, "ledger.sqlite"), atStep });
  try {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { "a.bin": "one" }), AT);
    const many = Object.fromEntries(
      Array.from({ length: 30_000 }, (_, i) => [`${"folder/".repeat(8)}${i}`, String(i)]),
    );
    await assert.rejects(ledger.sealRevision(draftOf("s", many), AT), { code: "store.full", retry: "later" });
    const numbers = (await ledger.revisions("s")).map(({ number }) => number);
    assert.deepEqual(numbers, [1]);
    assert.equal((await ledger.sealRevision(draftOf("s", { "a.bin": "two" }), AT)).number, 2);
  } finally {
    await ledger.close();
  }
});

void test("a view or pointer that finds no room leaves the old one in its place", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  const file = path.join(disk, "pointer.json");
  await writeFile(file, "old");
  const steps = { written: atStep, renamed: atStep };
  await assert.rejects(replaceDurably(file, someBytes(3 * MIB), steps), failsWith("store.full"));
  assert.deepEqual(await readdir(disk), ["pointer.json"]);
});
