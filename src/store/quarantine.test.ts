import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { landBytes, someBytes } from "../../test/contract/landed.ts";
import { digestOf } from "../../test/contract/ledger-samples.ts";
import { quarantineContract } from "../../test/contract/quarantine.ts";
import type { Quarantine } from "../core/ports.ts";
import { openQuarantine, quarantinePath } from "./quarantine.ts";

let starts = 0;

async function start(folder: string): Promise<Quarantine> {
  starts += 1;
  const run = `run${starts}`;
  return openQuarantine({ folder, atStep: () => undefined, random: () => run });
}

quarantineContract("folder", async () => {
  const parent = await mkdtemp(path.join(tmpdir(), "ringfort-quarantine-"));
  const folder = path.join(parent, "quarantine");
  return {
    quarantine: await start(folder),
    read: (file) =>
      readFile(quarantinePath(folder, file)).then(
        (bytes) => new Uint8Array(bytes),
        () => null,
      ),
    reopen: () => start(folder),
    end: () => rm(parent, { recursive: true }),
  };
});

async function folders(t: TestContext): Promise<{ readonly folder: string; readonly outside: string }> {
  const parent = await mkdtemp(path.join(tmpdir(), "ringfort-quarantine-"));
  t.after(() => rm(parent, { recursive: true }));
  const outside = path.join(parent, "outside");
  await writeFile(outside, "precious");
  return { folder: path.join(parent, "quarantine"), outside };
}

/** Leaves an interrupted download behind; answers the name of its bytes. */
async function interrupted(folder: string, bytes: Uint8Array, key = "k"): Promise<string> {
  const landing = await (await start(folder)).land(key, { most: 1e9, resume: false, sha512: false });
  landing.write(bytes);
  await landing.abandon(true);
  return path.join(folder, `${digestOf(key)}.resume`);
}

void test("files and folder are for the daemon alone", async (t) => {
  const { folder } = await folders(t);
  const landed = await landBytes(await start(folder), someBytes(10));
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(path.join(folder, landed.file))).mode & 0o777, 0o600);
});

void test("a link laid under the next name is not written through", async (t) => {
  const { folder, outside } = await folders(t);
  const quarantine = await openQuarantine({ folder, atStep: () => undefined, random: () => "known" });
  await symlink(outside, path.join(folder, "known-1.part"));
  await assert.rejects(landBytes(quarantine, someBytes(10)), { code: "store.io" });
  assert.equal(await readFile(outside, "utf8"), "precious");
});

void test("a link in the place of held bytes, symbolic or hard, is not resumed", async (t) => {
  const { folder, outside } = await folders(t);
  for (const lay of [symlink, link]) {
    const part = await interrupted(folder, Buffer.from("precious"));
    await rm(part);
    await lay(outside, part);
    const landing = await (await start(folder)).land("k", { most: 100, resume: true, sha512: false });
    assert.equal(landing.size, 0);
    landing.write(Buffer.from("hostile bytes"));
    await landing.finish();
    assert.equal(await readFile(outside, "utf8"), "precious");
  }
});

void test("a folder in the place of held bytes is not resumed", async (t) => {
  const { folder } = await folders(t);
  const part = await interrupted(folder, Buffer.from("precious"));
  await rm(part);
  await mkdir(part);
  const quarantine = await start(folder);
  assert.equal(await quarantine.held("k"), null);
  const landing = await quarantine.land("k", { most: 100, resume: true, sha512: false });
  assert.equal(landing.size, 0);
  await landing.abandon(false);
});

void test("held bytes that are not those of their note are not resumed", async (t) => {
  const { folder } = await folders(t);
  const part = await interrupted(folder, Buffer.from("aaaa"));
  // What a power cut leaves of a file that was not synced: its length, and zeros.
  await writeFile(part, Buffer.alloc(4));
  const quarantine = await start(folder);
  const landing = await quarantine.land("k", { most: 100, resume: true, sha512: false });
  assert.equal(landing.size, 0);
  landing.write(Buffer.from("bbbb"));
  assert.equal((await landing.finish()).sha256, digestOf("bbbb"));
});

void test("a sweep at start leaves young resumable parts and nothing else, and follows no link", async (t) => {
  const { folder, outside } = await folders(t);
  const young = await interrupted(folder, someBytes(10), "young");
  const old = await interrupted(folder, someBytes(10), "old");
  const past = new Date(Date.now() - 1_000_000);
  await utimes(old, past, past);
  await landBytes(await start(folder), someBytes(10));
  await symlink(outside, path.join(folder, "link.resume"));
  await symlink(path.dirname(outside), path.join(folder, "folder-link"));
  await mkdir(path.join(folder, "deep/er"), { recursive: true });
  await writeFile(path.join(folder, `${digestOf("nobody")}.note`), "{}");
  await writeFile(path.join(folder, `${digestOf("noteless")}.resume`), "bytes");
  const quarantine = await start(folder);
  await quarantine.sweep(Date.now() - 500_000);
  const name = path.basename(young, ".resume");
  assert.deepEqual((await readdir(folder)).toSorted(), [`${name}.note`, `${name}.resume`]);
  assert.equal((await quarantine.held("young"))?.size, 10);
  assert.equal(await quarantine.held("old"), null);
  assert.equal(await readFile(outside, "utf8"), "precious");
});

void test("a sweep under way leaves the files of this start alone", async (t) => {
  const { folder } = await folders(t);
  const quarantine = await start(folder);
  const landed = await landBytes(quarantine, someBytes(10));
  const landing = await quarantine.land("k", { most: 100, resume: false, sha512: false });
  await quarantine.sweep(Date.now() - 500_000);
  assert.equal((await stat(path.join(folder, landed.file))).size, 10);
  await landing.finish();
});

void test("of two landings of one download the later one is kept", async (t) => {
  const { folder } = await folders(t);
  const quarantine = await start(folder);
  const first = await quarantine.land("k", { most: 100, resume: false, sha512: false });
  const second = await quarantine.land("k", { most: 100, resume: false, sha512: false });
  await quarantine.note("k", "of the second");
  first.write(someBytes(10));
  second.write(someBytes(20));
  await second.abandon(true);
  await first.abandon(true);
  assert.deepEqual(await quarantine.held("k"), { size: 20, note: "of the second" });
  assert.equal((await readdir(folder)).length, 2);
});

void test("only names that a quarantine gave lead to a path", () => {
  for (const name of ["../ledger.sqlite", "a.part", "a-1.part/..", "a-1.part\0", "", "a/b-1.part"]) {
    assert.throws(() => quarantinePath("/q", name), name);
  }
});

void test("what waits for the disk is bounded, and its sender told so", async (t) => {
  const { folder } = await folders(t);
  const landing = await (await start(folder)).land("k", { most: 1e9, resume: false, sha512: false });
  const slice = someBytes(1024 * 1024);
  let taken = 1;
  while (landing.write(slice)) taken += 1;
  assert.ok(taken <= 5, `${taken} MiB`);
  await landing.ready();
  assert.equal(landing.write(slice), true);
  await landing.abandon(false);
  assert.deepEqual(await readdir(folder), []);
});
