import assert from "node:assert/strict";
import { chmod, lstat, mkdir, mkdtemp, open, readdir, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { blobStoreContract } from "../../../test/contract/blob-store.ts";
import { accept, landBytes, listed, someBytes } from "../../../test/contract/landed.ts";
import { AT, digestOf, failsWith } from "../../../test/contract/ledger-samples.ts";
import type { Sha256 } from "../../core/kernel/digest.ts";
import type { BlobStore, Quarantine, WriteStep } from "../../core/ports.ts";
import { openQuarantine, quarantinePath } from "../quarantine.ts";
import { openBlobs } from "./filesystem.ts";

interface Store {
  readonly folder: string;
  readonly quarantineFolder: string;
  readonly steps: WriteStep[];
  readonly clock: { now: number };
  readonly quarantine: Quarantine;
  readonly blobs: BlobStore;
  readonly reopen: () => Promise<BlobStore>;
  readonly blobPath: (sha256: Sha256) => string;
}

async function store(parent: string): Promise<Store> {
  const folder = path.join(parent, "blobs");
  const quarantineFolder = path.join(parent, "quarantine");
  const steps: WriteStep[] = [];
  const clock = { now: AT };
  const atStep = (step: WriteStep): void => void steps.push(step);
  const reopen = (): Promise<BlobStore> =>
    openBlobs({ folder, quarantine: quarantineFolder, atStep, now: () => clock.now });
  return {
    folder,
    quarantineFolder,
    steps,
    clock,
    reopen,
    quarantine: await openQuarantine({ folder: quarantineFolder, atStep, random: () => "run" }),
    blobs: await reopen(),
    blobPath: (sha256) => path.join(folder, "sha256", sha256.slice(0, 2), sha256),
  };
}

async function storeFor(t: TestContext): Promise<Store> {
  const parent = await mkdtemp(path.join(tmpdir(), "ringfort-blobs-"));
  t.after(() => rm(parent, { recursive: true }));
  return store(parent);
}

blobStoreContract("file system", async () => {
  const parent = await mkdtemp(path.join(tmpdir(), "ringfort-blobs-"));
  const { blobs, quarantine, quarantineFolder, clock, reopen, blobPath } = await store(parent);
  return {
    blobs,
    quarantine,
    clock,
    reopen,
    inQuarantine: (file) =>
      stat(quarantinePath(quarantineFolder, file)).then(
        () => true,
        () => false,
      ),
    damage: (sha256) => flipByte(blobPath(sha256)),
    end: () => rm(parent, { recursive: true }),
  };
});

async function flipByte(file: string): Promise<void> {
  await chmod(file, 0o644);
  const handle = await open(file, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, 7);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await handle.write(byte, 0, 1, 7);
  await handle.close();
}

void test("a blob is read-only and carries the time of its admission", async (t) => {
  const { quarantine, blobs, blobPath } = await storeFor(t);
  const landed = await landBytes(quarantine, someBytes(10));
  await blobs.admit(accept(landed));
  const { mode, mtimeMs } = await stat(blobPath(landed.sha256));
  assert.equal(mode & 0o777, 0o444);
  assert.equal(mtimeMs, AT);
});

void test("the steps come in the order of the store format", async (t) => {
  const { quarantine, blobs, steps } = await storeFor(t);
  await blobs.admit(accept(await landBytes(quarantine, someBytes(10))));
  await blobs.settle();
  assert.deepEqual(steps, ["quarantine.written", "blob.synced", "blob.renamed", "blobs.directories-synced"]);
});

void test("a blob of the wrong size is repaired by the next admission", async (t) => {
  const { quarantine, blobs, blobPath } = await storeFor(t);
  const landed = await landBytes(quarantine, someBytes(1_000));
  await blobs.admit(accept(landed));
  await chmod(blobPath(landed.sha256), 0o644);
  await truncate(blobPath(landed.sha256), 999);
  assert.equal(await blobs.check(landed.sha256, 1_000), "damaged");
  await blobs.admit(accept(await landBytes(quarantine, someBytes(1_000))));
  assert.equal(await blobs.check(landed.sha256, 1_000), "whole");
});

void test("a file that was exchanged in quarantine is not admitted", async (t) => {
  const { quarantine, quarantineFolder, blobs } = await storeFor(t);
  const other = path.join(path.dirname(quarantineFolder), "other");
  await writeFile(other, someBytes(10));
  for (const exchange of [
    (file: string) => writeFile(file, someBytes(11)),
    (file: string) => symlink(other, file),
    (file: string) => mkdir(file),
  ]) {
    const landed = await landBytes(quarantine, someBytes(10));
    const file = quarantinePath(quarantineFolder, landed.file);
    await rm(file);
    await exchange(file);
    await assert.rejects(
      blobs.admit(accept(landed)),
      (error) => failsWith("store.damaged")(error) || failsWith("store.io")(error),
    );
    assert.equal(await blobs.sizeOf(landed.sha256), null);
  }
});

void test("a link in a blob's place is damage, is not followed, and is replaced", async (t) => {
  const { quarantine, blobs, blobPath, folder } = await storeFor(t);
  const elsewhere = path.join(path.dirname(folder), "elsewhere");
  await writeFile(elsewhere, someBytes(10));
  const place = blobPath(digestOf(someBytes(10).toString("latin1")));
  const landed = await landBytes(quarantine, someBytes(10));
  await mkdir(path.dirname(blobPath(landed.sha256)), { recursive: true });
  await symlink(elsewhere, blobPath(landed.sha256));
  assert.notEqual(place, elsewhere);
  assert.equal(await blobs.sizeOf(landed.sha256), null);
  assert.equal(await blobs.check(landed.sha256, 10), "damaged");
  assert.deepEqual(await listed(blobs), []);
  await blobs.admit(accept(landed));
  assert.equal((await lstat(blobPath(landed.sha256))).isFile(), true);
  assert.equal((await stat(elsewhere)).mode & 0o777, 0o644);
});

void test("what is no blob is not listed", async (t) => {
  const { blobs, folder } = await storeFor(t);
  const digest = digestOf("x");
  await mkdir(path.join(folder, "sha256", "zz"), { recursive: true });
  await mkdir(path.join(folder, "sha256", "ab"));
  await writeFile(path.join(folder, "sha256", "zz", digest), "x");
  // Under another prefix than its own nobody would find it.
  await writeFile(path.join(folder, "sha256", "ab", digest.replace(/^../, "cd")), "x");
  await writeFile(path.join(folder, "sha256", "ab", "README"), "x");
  assert.deepEqual(await listed(blobs), []);
});

void test("settling waits for a settling under way", async (t) => {
  const { quarantine, blobs, steps } = await storeFor(t);
  await blobs.admit(accept(await landBytes(quarantine, someBytes(10))));
  const ended: string[] = [];
  await Promise.all(["first", "second"].map((name) => blobs.settle().then(() => ended.push(name))));
  assert.deepEqual(ended, ["first", "second"]);
  assert.equal(steps.filter((step) => step === "blobs.directories-synced").length, 2);
});

void test("a directory that cannot be made durable fails the settling, and the next one too", async (t) => {
  const { quarantine, blobs, blobPath } = await storeFor(t);
  const landed = await landBytes(quarantine, someBytes(10));
  await blobs.admit(accept(landed));
  await rm(path.dirname(blobPath(landed.sha256)), { recursive: true });
  await assert.rejects(blobs.settle(), failsWith("store.io"));
  await assert.rejects(blobs.settle(), failsWith("store.io"));
});

void test("after a start the first settling makes every folder sure", async (t) => {
  const { quarantine, blobs, blobPath, reopen, folder } = await storeFor(t);
  const landed = await landBytes(quarantine, someBytes(10));
  await blobs.admit(accept(landed));
  // Killed here: renamed, not settled. The next start finds the blob held and admits nothing.
  const again = await reopen();
  assert.deepEqual(await readdir(path.join(folder, "sha256")), [landed.sha256.slice(0, 2)]);
  await rm(path.dirname(blobPath(landed.sha256)), { recursive: true });
  // The folder's absence shows that it was reached for.
  await assert.rejects(again.settle(), failsWith("store.io"));
});
