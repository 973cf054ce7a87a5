import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { safePath } from "../../src/core/kernel/safe-path.ts";
import { OpenChannel } from "../../src/serve/open-view.ts";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

test("a view damaged under the server gives 503 and a message, never a hang, and other sources go on", async () => {
  const folder = await ChannelFolder.make();
  try {
    const { sha256, size } = await folder.blob("x");
    const names = Array.from({ length: 2_000 }, (_, i) => safePath(`f${i}`));
    await folder.entries(
      "bad",
      1,
      names.map((path) => ({ path, sha256, size, builtAt: null, since: 1 })),
    );
    await folder.revision("good", 1, { a: "the file" });
    await folder.point("staging", { bad: 1, good: 1 });
    const serve = await ServeProcess.start(folder);
    const file = folder.viewPath("bad", 1);
    const bytes = await readFile(file);
    // Every slot taken and pointing at the root: whoever trusts the table walks it for ever.
    for (let at = Number(bytes.readBigUInt64LE(16)); at < bytes.length; at += 8) bytes.writeUInt32LE(8, at + 4);
    await chmod(file, 0o644);
    await writeFile(file, bytes);
    const started = performance.now();
    for (let i = 0; i < 20; i++) assert.equal((await ask(serve.port, `/bad/absent-${i}`)).status, 503);
    assert.ok(performance.now() - started < 5_000);
    assert.equal((await ask(serve.port, "/good/a")).body.toString(), "the file");
    await serve.hear((said) => said.kind === "failed" && said.code === "store.damaged");
    assert.equal(serve.said.filter((said) => said.kind === "failed").length, 1);
    // Cut off to nothing while it is open.
    await writeFile(file, bytes.subarray(0, 100));
    assert.equal((await ask(serve.port, "/bad/f1")).status, 503);
    assert.equal((await ask(serve.port, "/bad/")).status, 503);
    assert.equal((await ask(serve.port, "/good/a")).body.toString(), "the file");
    await serve.stop();
  } finally {
    await folder.end();
  }
});

test("a name is found as fast among 100,000 as among 1,000", async () => {
  const folder = await ChannelFolder.make();
  try {
    const { sha256, size } = await folder.blob("x");
    const took = new Map<number, number>();
    for (const count of [1_000, 100_000]) {
      const entries = Array.from({ length: count }, (_, i) => ({
        path: safePath(`pool/${i % 50}/p${i}`),
        sha256,
        size,
        builtAt: null,
        since: 1,
      }));
      await folder.entries("one", count, entries);
      await folder.point("staging", { one: count });
      const channel = new OpenChannel(folder.views, "staging");
      const look = (): number => {
        const started = performance.now();
        // Absent names and names far apart: nothing that an earlier look-up has left at hand.
        for (let i = 0; i < 1_000; i++) assert.equal(channel.current.find(`/one/pool/x/${i}`), null);
        for (let i = 0; i < 900; i++)
          assert.ok(channel.current.find(`/one/pool/${((i * 97) % count) % 50}/p${(i * 97) % count}`));
        return performance.now() - started;
      };
      took.set(count, Math.min(look(), look(), look()));
      channel.close();
      await rm(folder.viewPath("one", count));
    }
    const [small = 0, large = 0] = took.values();
    assert.ok(large < small * 5 + 20, `${small} ms among 1,000, ${large} ms among 100,000`);
  } finally {
    await folder.end();
  }
});
