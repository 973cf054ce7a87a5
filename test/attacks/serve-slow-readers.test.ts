import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask, closed, open } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
}

test("readers that stall are cut, cost little, and hold up nobody", {
  skip: existsSync("/proc/self/status") ? false : "needs /proc",
}, async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { a: "the file", big: 60_000_000 });
  await folder.point("staging", { one: 1 });
  const limits = { connectionsPerClient: 200, leastRate: 1_024, leastRateWindow: 800, checkingInterval: 100 };
  const serve = await ServeProcess.start(folder, { limits });
  try {
    const before = residentMegabytes(serve.child.pid ?? 0);
    const started = performance.now();
    const stalled = await Promise.all(
      Array.from({ length: 80 }, async () => {
        const socket = await open(serve.port);
        socket.pause();
        socket.write("GET /one/big HTTP/1.1\r\nHost: m\r\n\r\n");
        return socket;
      }),
    );
    // More stall than there are large buffers; another client is served meanwhile, whole files too.
    const quick = performance.now();
    for (let i = 0; i < 10; i++) assert.equal((await ask(serve.port, "/one/a")).body.toString(), "the file");
    assert.equal((await ask(serve.port, "/one/big")).body.length, 60_000_000);
    const grown = residentMegabytes(serve.child.pid ?? 0) - before;
    assert.ok(grown < 100, `${grown} MB more`);
    assert.ok(performance.now() - quick < 15_000);
    // What the system had taken already still comes, and then the end.
    let bytes = 0;
    await Promise.all(
      stalled.map(async (socket) => {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, 2_500 - (performance.now() - started))));
        socket.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        socket.resume();
        await closed(socket);
      }),
    );
    assert.ok(bytes < 80 * 30_000_000, "none of them was given the whole file");
    assert.equal((await ask(serve.port, "/one/a")).body.toString(), "the file");
  } finally {
    await serve.stop();
    await folder.end();
  }
});

test("a reader that is slow and steady is not cut", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { big: 8_000_000 });
  await folder.point("staging", { one: 1 });
  const serve = await ServeProcess.start(folder, {
    limits: { leastRate: 1_024, leastRateWindow: 1_000, checkingInterval: 100 },
  });
  try {
    const socket = await open(serve.port);
    socket.write("GET /one/big HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    });
    await closed(socket);
    assert.ok(bytes > 8_000_000);
  } finally {
    await serve.stop();
    await folder.end();
  }
});

test("what is asked for ahead and read late comes whole, in its order", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { big: 9_000_000, small: "x".repeat(20_000) });
  await folder.point("staging", { one: 1 });
  const serve = await ServeProcess.start(folder);
  try {
    const [big, small] = [await ask(serve.port, "/one/big"), await ask(serve.port, "/one/small")];
    const socket = await open(serve.port);
    const paths = ["small", "big", "small", "small", "big", "big", "small", "big", "big", "small"];
    for (const path of paths) socket.write(`GET /one/${path} HTTP/1.1\r\nHost: m\r\n\r\n`);
    socket.end();
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      // Slow enough that what one answer leaves is still on its way when the next begins.
      if (chunks.length % 50 !== 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), 5);
    });
    await closed(socket);
    let left = Buffer.concat(chunks);
    for (const path of paths) {
      const { body } = path === "big" ? big : small;
      const from = left.indexOf("\r\n\r\n") + 4;
      assert.ok(left.subarray(from, from + body.length).equals(body), path);
      left = left.subarray(from + body.length);
    }
    assert.equal(left.length, 0);
  } finally {
    await serve.stop();
    await folder.end();
  }
});
