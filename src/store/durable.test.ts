import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { failsWith } from "../../test/contract/ledger-samples.ts";
import { replaceDurably, storeFailure } from "./durable.ts";

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-durable-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const noSteps = { written: () => undefined, renamed: () => undefined };

void test("a replaced file is the old one until it is the new one", async (t) => {
  const folder = await folderFor(t);
  const file = path.join(folder, "file");
  await replaceDurably(file, Buffer.from("old"), noSteps);
  const seen: string[] = [];
  await replaceDurably(file, [Buffer.from("ne"), Buffer.from("w")], {
    written: () => seen.push(readFileSync(file, "utf8")),
    renamed: () => seen.push(readFileSync(file, "utf8")),
  });
  assert.deepEqual(seen, ["old", "new"]);
  assert.deepEqual(await readdir(folder), ["file"]);
  assert.equal((await stat(file)).mode & 0o777, 0o644);
});

void test("a link laid beside the place is not written through, and a leftover does not stop the next write", async (t) => {
  const folder = await folderFor(t);
  const precious = path.join(folder, "precious");
  await writeFile(precious, "precious");
  await symlink(precious, path.join(folder, "file.new"));
  await replaceDurably(path.join(folder, "file"), Buffer.from("new"), noSteps);
  assert.equal(await readFile(precious, "utf8"), "precious");
});

void test("a write that fails leaves the old file and nothing beside it", async (t) => {
  const folder = await folderFor(t);
  await mkdir(path.join(folder, "file/not-empty"), { recursive: true });
  await assert.rejects(replaceDurably(path.join(folder, "file"), Buffer.from("new"), noSteps), failsWith("store.io"));
  assert.deepEqual(await readdir(folder), ["file"]);
});

void test("errors of the disk have codes, and bugs stay bugs", () => {
  const fault = (code: string): Error => Object.assign(new Error(code), { code, syscall: "write" });
  const codes = ["ENOSPC", "EDQUOT", "EIO", "EMFILE"].map((code) => storeFailure(fault(code), "trying"));
  assert.deepEqual(
    codes.map(({ code, retry }) => [code, retry]),
    [
      ["store.full", "later"],
      ["store.full", "later"],
      ["store.io", "never"],
      ["store.io", "later"],
    ],
  );
  assert.throws(() => storeFailure(new TypeError("a bug"), "trying"), TypeError);
});
