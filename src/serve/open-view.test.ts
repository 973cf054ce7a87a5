import assert from "node:assert/strict";
import { readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { ChannelFolder } from "../../test/fixtures/channel-folder.ts";
import { OpenChannel } from "./open-view.ts";

async function withFolder(run: (folder: ChannelFolder) => Promise<void>): Promise<void> {
  const folder = await ChannelFolder.make();
  try {
    await run(folder);
  } finally {
    await folder.end();
  }
}

function revisionAt(channel: OpenChannel, path: string): number | null {
  const found = channel.current.find(path);
  return found?.kind === "file" ? found.revision : null;
}

test("a channel shows what its pointer file says, and follows it when it is reopened", async () => {
  await withFolder(async (folder) => {
    for (const number of [1, 2]) await folder.revision("one", number, { a: `a${number}` });
    await folder.point("staging", { one: 1 });
    const channel = new OpenChannel(folder.views, "staging");
    assert.equal(revisionAt(channel, "/one/a"), 1);
    await folder.point("staging", { one: 2 });
    assert.equal(revisionAt(channel, "/one/a"), 1);
    channel.reopen();
    assert.equal(revisionAt(channel, "/one/a"), 2);
    channel.close();
    assert.equal(channel.openFiles, 0);
  });
});

test("an old view works until its last user is gone, also when its files are removed; then they are closed", async () => {
  await withFolder(async (folder) => {
    for (const number of [1, 2]) await folder.revision("one", number, { a: `a${number}`, b: "b" });
    await folder.revision("two", 1, { c: "c" });
    await folder.point("staging", { one: 1, two: 1 });
    const channel = new OpenChannel(folder.views, "staging");
    const old = channel.current;
    old.retain();
    await folder.point("staging", { one: 2, two: 1 });
    channel.reopen();
    await rm(folder.viewPath("one", 1));
    assert.equal(old.find("/one/b")?.kind, "file");
    // "two" has not moved: one open file serves both views.
    assert.equal(channel.openFiles, 3);
    old.release();
    assert.equal(channel.openFiles, 2);
    channel.close();
  });
});

test("a reopening that fails leaves the view as it was", async () => {
  await withFolder(async (folder) => {
    await folder.revision("one", 1, { a: "a" });
    await folder.point("staging", { one: 1 });
    const channel = new OpenChannel(folder.views, "staging");
    const pointer = `${folder.views}/channels/staging.json`;
    const good = await readFile(pointer);
    const bad: readonly (() => Promise<void>)[] = [
      () => folder.point("staging", { one: 1, missing: 4 }),
      () => writeFile(pointer, "{"),
      () => writeFile(pointer, good.subarray(0, 40)),
      () => rm(pointer),
      () => writeFile(`${folder.views}/elsewhere`, good).then(() => symlink("../elsewhere", pointer)),
    ];
    for (const spoil of bad) {
      await spoil();
      assert.throws(() => channel.reopen(), { code: "store.damaged" });
      assert.deepEqual([revisionAt(channel, "/one/a"), channel.openFiles], [1, 1]);
    }
  });
});

test("a view file that is another's is not shown", async () => {
  await withFolder(async (folder) => {
    for (const number of [1, 2]) await folder.revision("one", number, { a: "a" });
    await rename(folder.viewPath("one", 1), folder.viewPath("one", 2));
    await folder.point("staging", { one: 2 });
    assert.throws(() => new OpenChannel(folder.views, "staging"), { code: "store.damaged" });
  });
});
