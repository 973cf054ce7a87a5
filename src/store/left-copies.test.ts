import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { sweepCopies } from "./left-copies.ts";

const HOUR = 3_600_000;

test("a copy goes when its maker is gone, or when nobody works for so long; all else stays", async (t) => {
  const data = await mkdtemp(path.join(tmpdir(), "ringfort-copies-"));
  t.after(() => rm(data, { recursive: true }));
  const now = Date.now();
  const made = async (name: string, ago: number): Promise<void> => {
    const place = path.join(data, name);
    await (name.endsWith(".sqlite") ? writeFile(place, "") : mkdir(place));
    await utimes(place, (now - ago) / 1_000, (now - ago) / 1_000);
  };
  await made("backup-100-abcdef", 0);
  await made("backup-200-abcdef", HOUR);
  await made("backup-200-ghijkl", 30 * HOUR);
  await made("restore-100-abcdef", 0);
  await made("backup-200-0f8d3c1a.sqlite", 0);
  await made("backup-200-1f8d3c1a.sqlite", HOUR);
  await made("backup-Xy3_-z", HOUR);
  await made("backup-Xy3_-0", 30 * HOUR);
  await made("ledger.sqlite", 30 * HOUR);
  await made("blobs", 30 * HOUR);
  const swept = await sweepCopies(data, now, (pid) => pid === 200);
  const stay = ["backup-200-0f8d3c1a.sqlite", "backup-200-abcdef", "backup-Xy3_-z", "blobs", "ledger.sqlite"];
  assert.deepEqual((await readdir(data)).toSorted(), stay);
  assert.equal(swept.length, 5);
  assert.deepEqual(await sweepCopies(path.join(data, "nowhere"), now), []);
});

const skip = process.getuid?.() === 0 ? false : "needs root";

test("another user's copy is theirs to remove: neither root's stops a daemon, nor does root touch a daemon's", {
  skip,
}, async (t) => {
  const data = await mkdtemp(path.join(tmpdir(), "ringfort-copies-"));
  t.after(() => rm(data, { recursive: true }));
  for (const name of ["backup-100-abcdef", "backup-100-ghijkl"]) await mkdir(path.join(data, name), { mode: 0o700 });
  await writeFile(path.join(data, "backup-100-abcdef/ledger.sqlite"), "");
  await writeFile(path.join(data, "backup-100-ghijkl/ledger.sqlite"), "");
  for (const name of ["", "backup-100-ghijkl"]) await chown(path.join(data, name), 65_534, 65_534);
  assert.deepEqual(await sweepCopies(data, Date.now(), () => false), ["backup-100-abcdef"]);
  await mkdir(path.join(data, "backup-100-abcdef"), { mode: 0o700 });
  await writeFile(path.join(data, "backup-100-abcdef/ledger.sqlite"), "");
  process.seteuid?.(65_534);
  try {
    assert.deepEqual(await sweepCopies(data, Date.now(), () => false), ["backup-100-ghijkl"]);
  } finally {
    process.seteuid?.(0);
  }
  assert.deepEqual(await readdir(data), ["backup-100-abcdef"]);
});
