import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { clearRelease } from "../../bench/package/release-folder.ts";

const digest = "0".repeat(64);

test("a build takes away what the one before has listed, and nothing else; a signed release is left to its publisher", async (t) => {
  const place = await mkdtemp(path.join(tmpdir(), "ringfort-release-"));
  t.after(() => rm(place, { recursive: true, force: true }));
  const folder = path.join(place, "release");
  await mkdir(folder);
  const put = (name: string, text = "x"): Promise<void> => writeFile(path.join(folder, name), text);
  const held = async (): Promise<readonly string[]> => (await readdir(folder)).toSorted((a, b) => (a < b ? -1 : 1));
  for (const name of ["old.deb", "notes", "../outside"]) await put(name);
  // A list that somebody has written: what leads out of the folder, or is not there, is passed over.
  await put("SHA256SUMS", ["old.deb", "gone", "../outside", "."].map((name) => `${digest}  ${name}\n`).join(""));
  await clearRelease(folder, { signed: false });
  assert.deepEqual(await held(), ["notes"]);
  assert.deepEqual(
    (await readdir(place)).toSorted((a, b) => (a < b ? -1 : 1)),
    ["outside", "release"],
  );

  for (const name of ["new.deb", "SHA256SUMS.minisig"]) await put(name);
  await put("SHA256SUMS", `${digest}  new.deb\n`);
  await clearRelease(folder, { signed: true });
  assert.deepEqual(await held(), ["SHA256SUMS", "SHA256SUMS.minisig", "new.deb", "notes"]);
  // Not signed again, its signature would stand beside another list.
  await clearRelease(folder, { signed: false });
  assert.deepEqual(await held(), ["notes"]);
});
