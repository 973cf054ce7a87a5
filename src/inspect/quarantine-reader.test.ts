import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { QuarantinedFile } from "../wire/jobs.ts";
import { quarantineReader } from "./quarantine-reader.ts";

let folder: string;
let quarantine: string;
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "quarantine-"));
  quarantine = path.join(folder, "quarantine");
  mkdirSync(path.join(quarantine, "folder"), { recursive: true });
  writeFileSync(path.join(quarantine, "a.part"), "content");
  writeFileSync(path.join(folder, "outside"), "secret");
  symlinkSync(path.join(folder, "outside"), path.join(quarantine, "link"));
});
after(() => rmSync(folder, { recursive: true }));

const named = (file: string): QuarantinedFile => ({
  path: "x",
  file,
  size: 7,
  partial: false,
  dialect: null,
  lastModified: null,
  absent: false,
});
const read = async (file: string, most = 100): Promise<Uint8Array> =>
  quarantineReader(quarantine).read(named(file), most);

test("a file is read whole, up to the cap and not past it", async () => {
  assert.equal(Buffer.from(await read("a.part", 7)).toString(), "content");
  await assert.rejects(read("a.part", 6), { code: "store.io" });
});

test("an open file can be read in pieces", async () => {
  const handle = await quarantineReader(quarantine).open(named("a.part"));
  const { bytesRead } = await handle.read(Buffer.alloc(3), 0, 3, 4);
  await handle.close();
  assert.equal(bytesRead, 3);
});

test("a name that is no plain name opens nothing", async () => {
  for (const file of ["", ".", "..", "../outside", "folder/../a.part", "/etc/passwd", "a.part\u0000", "a\\b", "ä"])
    await assert.rejects(read(file), { code: "worker.protocol" }, file);
});

test("only regular files: no link is followed, no folder read, no pipe waited on", async () => {
  await assert.rejects(read("link"), { code: "store.io" });
  await assert.rejects(read("folder"), { code: "store.io" });
  await assert.rejects(read("gone"), { code: "store.io", retry: "later" });
  assert.equal(spawnSync("mkfifo", [path.join(quarantine, "pipe")]).status, 0);
  await assert.rejects(read("pipe"), { code: "store.io" });
});
