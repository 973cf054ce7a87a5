import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { dataHeader, FrameReader, messageFrame } from "./frame.ts";
import { type Caller, listenLocally } from "./local-server.ts";

interface Heard {
  readonly requests: unknown[];
  readonly socketPath: string;
}

async function serving(t: TestContext, serve: (request: unknown, caller: Caller) => void = () => {}): Promise<Heard> {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-local-"));
  const socketPath = path.join(folder, "control.sock");
  const requests: unknown[] = [];
  const server = await listenLocally(socketPath, (request, caller) => {
    requests.push(request);
    serve(request, caller);
  });
  t.after(async () => {
    await server.close();
    assert.equal(existsSync(socketPath), false, "the socket goes with its server");
    rmSync(folder, { recursive: true });
  });
  return { requests, socketPath };
}

/** Connects, says these bytes, and gives the messages that came until the connection was closed. */
async function say(socketPath: string, ...bytes: readonly Uint8Array[]): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  const reader = new FrameReader({ message: (value) => seen.push(value), data: () => {} });
  const socket = net.connect(socketPath);
  // A server that cuts us off while we still write is what some of these tests are about.
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
  for (const piece of bytes) socket.write(piece);
  await once(socket, "close");
  return seen;
}

test("one request is answered, with as many replies as it takes", async (t) => {
  const { requests, socketPath } = await serving(t, (_, caller) => {
    caller.reply({ kind: "progress" });
    caller.reply({ kind: "result" });
    caller.end();
  });
  assert.deepEqual(await say(socketPath, messageFrame({ verb: "status" })), [{ kind: "progress" }, { kind: "result" }]);
  assert.deepEqual(requests, [{ verb: "status" }]);
});

test("only its owner may open it, whatever the mask says, and the mask stays as it was", async (t) => {
  const mask = process.umask(0);
  try {
    const { socketPath } = await serving(t);
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(mask);
  }
});

test("a request larger than one may be is cut off before it is kept", async (t) => {
  const { requests, socketPath } = await serving(t, (_, caller) => caller.end());
  const large = messageFrame("x".repeat(LIMITS.requestBytes));
  assert.deepEqual(await say(socketPath, large.subarray(0, 6)), []);
  assert.deepEqual(requests, []);
  const most = messageFrame("x".repeat(LIMITS.requestBytes - 2));
  await say(socketPath, most);
  assert.equal(requests.length, 1);
});

test("a caller that says more than one thing, or sends bytes, or no frames, is cut off", async (t) => {
  const { requests, socketPath } = await serving(t);
  await say(socketPath, Buffer.concat([messageFrame(1), messageFrame(2)]));
  await say(socketPath, messageFrame(1), messageFrame(2));
  await say(socketPath, Buffer.concat([dataHeader(1), Buffer.alloc(1)]));
  await say(socketPath, Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  assert.deepEqual(requests, [1, 1]);
});

test("whoever answers learns that the caller has gone", async (t) => {
  const gone = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<Caller>();
  const { socketPath } = await serving(t, (_, caller) => {
    caller.gone.addEventListener("abort", () => gone.resolve());
    asked.resolve(caller);
  });
  const socket = net.connect(socketPath);
  socket.write(messageFrame("wait"));
  const caller = await asked.promise;
  assert.equal(caller.gone.aborted, false);
  socket.destroy();
  await gone.promise;
  caller.reply("to nobody");
  caller.end();
});

test("what a dead daemon left at the path is replaced", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-local-"));
  const socketPath = path.join(folder, "control.sock");
  writeFileSync(socketPath, "left behind");
  const server = await listenLocally(socketPath, (_, caller) => caller.end());
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  assert.deepEqual(await say(socketPath, messageFrame("hello")), []);
});

test("a path longer than a socket's may be is a fault of the configuration, not cut", async () => {
  const long = path.join(tmpdir(), "x".repeat(110));
  await assert.rejects(
    listenLocally(long, () => {}),
    (error) => error instanceof Failure && error.code === "config.invalid",
  );
});

test("a server that closes lets no caller wait for ever", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-local-"));
  const server = await listenLocally(path.join(folder, "s"), () => void server.close());
  assert.deepEqual(await say(path.join(folder, "s"), messageFrame("hang")), []);
  rmSync(folder, { recursive: true });
});
