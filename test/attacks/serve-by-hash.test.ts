import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { safePath } from "../../src/core/kernel/safe-path.ts";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
const at = (text: string): string => `/by-hash/sha256/${hex(text)}`;

async function withFolder(run: (folder: ChannelFolder) => Promise<void>): Promise<void> {
  const folder = await ChannelFolder.make();
  try {
    await run(folder);
  } finally {
    await folder.end();
  }
}

test("a content is reached by its digest only where a revision that the channel shows has it", async () => {
  await withFolder(async (folder) => {
    await folder.revision("one", 1, { a: "old", same: "kept" });
    await folder.revision("one", 2, { a: "new", same: "kept", twice: "kept" });
    await folder.blob("never released");
    await folder.point("staging", { one: 2 });
    await folder.point("production", { one: 1 });
    const production = await ServeProcess.start(folder, { channel: "production" });
    const found = await ask(production.port, at("old"));
    assert.deepEqual([found.status, found.body.toString()], [200, "old"]);
    assert.equal(found.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal(found.headers["repr-digest"], `sha-256=:${Buffer.from(hex("old"), "hex").toString("base64")}:`);
    // Staging's, and what lies in the store alone.
    for (const absent of ["new", "never released"]) {
      const answer = await ask(production.port, at(absent));
      assert.equal(answer.status, 404);
      assert.equal(answer.headers["cache-control"], "no-cache");
    }
    await folder.point("production", { one: 2 });
    await production.reopen(1);
    // Promoted: the new is there, and what was taken out of the channel is not, though the blob is.
    assert.equal((await ask(production.port, at("new"))).body.toString(), "new");
    assert.equal((await ask(production.port, at("old"))).status, 404);
    assert.equal((await ask(production.port, at("kept"))).body.toString(), "kept");
    await production.stop();
  });
});

test("a client that is held on a revision reaches its contents, and those of the present one", async () => {
  await withFolder(async (folder) => {
    await folder.revision("one", 1, { a: "old" });
    await folder.revision("one", 2, { a: "new" });
    await folder.point("staging", { one: 1 });
    const serve = await ServeProcess.start(folder, { session: { idle: 60_000, most: 60_000 } });
    const held = (text: string) => ask(serve.port, at(text), ["User-Agent: held"]);
    assert.equal((await held("old")).status, 200);
    await folder.point("staging", { one: 2 });
    await serve.reopen(1);
    assert.deepEqual([(await held("old")).status, (await held("new")).status], [200, 200]);
    assert.equal((await ask(serve.port, "/one/a", ["User-Agent: held"])).body.toString(), "old");
    assert.equal((await ask(serve.port, at("old"), ["User-Agent: another"])).status, 404);
    await serve.stop();
  });
});

test("one content has one address, and no other spelling of it", async () => {
  await withFolder(async (folder) => {
    await folder.revision("one", 1, { a: "x", none: "" });
    await folder.point("staging", { one: 1 });
    const serve = await ServeProcess.start(folder);
    const good = at("x");
    assert.equal((await ask(serve.port, good)).status, 200);
    assert.deepEqual([(await ask(serve.port, at(""))).status, (await ask(serve.port, at(""))).body.length], [200, 0]);
    for (const target of [
      "/by-hash",
      "/by-hash/",
      "/by-hash/sha256",
      "/by-hash/sha256/",
      `/by-hash/sha256/${hex("x").toUpperCase()}`,
      `/by-hash/SHA256/${hex("x")}`,
      good.slice(0, -1),
      `${good}0`,
      `${good}/`,
      good.replace("sha256/", "sha256//"),
      good.replace("sha256/", "sha256/../sha256/"),
      `/one${good}`,
      `/by-hash/sha256/${"%00".repeat(64)}`,
      `/by-hash/sha256/${"0".repeat(64)}`,
    ])
      assert.equal((await ask(serve.port, target)).status, 404, target);
    const part = await ask(serve.port, good, ["Range: bytes=0-0"]);
    assert.deepEqual([part.status, part.body.toString()], [206, "x"]);
    await serve.stop();
  });
});

test("a source at the root cannot put its bytes under another's digest; what else it has below /by-hash/ is its own", async () => {
  await withFolder(async (folder) => {
    const evil = await folder.blob("evil");
    const entry = { ...evil, builtAt: null, since: 1 };
    await folder.entries("root", 1, [
      { ...entry, path: safePath(`by-hash/sha256/${hex("good")}`) },
      { ...entry, path: safePath("by-hash/SHA256/flat-repository") },
    ]);
    await folder.revision("one", 1, { a: "good" });
    await folder.point("staging", { root: 1, one: 1 }, { root: "/" });
    const serve = await ServeProcess.start(folder);
    assert.equal((await ask(serve.port, at("good"))).body.toString(), "good");
    assert.equal((await ask(serve.port, "/by-hash/SHA256/flat-repository")).body.toString(), "evil");
    await serve.stop();
  });
});

test("a blob that is gone is a 503 by digest too, and a damaged view never a hang", async () => {
  await withFolder(async (folder) => {
    await folder.revision("one", 1, { a: "x" });
    await folder.point("staging", { one: 1 });
    const serve = await ServeProcess.start(folder);
    const { sha256 } = await folder.blob("x");
    await rm(folder.blobPath(sha256));
    const answer = await ask(serve.port, at("x"));
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["cache-control"], "no-cache");
    await serve.stop();
  });
});
