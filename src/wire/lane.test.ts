import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import type net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../core/kernel/errors.ts";
import type { FrameHandler } from "./frame.ts";
import { dataHeader, FrameReader, messageFrame } from "./frame.ts";
import type { Lane } from "./lane.ts";
import { lanePair } from "./lane-pair.ts";

/** A lane, and the bare socket of its other end. */
async function pairOf(
  t: TestContext,
  handler: Partial<FrameHandler> = {},
): Promise<{ readonly ours: Lane; readonly theirs: net.Socket }> {
  const pair = await lanePair({ message: () => {}, data: () => {}, ...handler });
  t.after(() => {
    pair.ours.close();
    pair.theirs.destroy();
  });
  return pair;
}

function closing(lane: Lane): Promise<Error | null> {
  return new Promise((resolve) => lane.onClose(resolve));
}

test("messages and bytes go both ways, in order", async (t) => {
  const heard = Promise.withResolvers<unknown>();
  const { ours, theirs } = await pairOf(t, { message: heard.resolve });
  const seen: unknown[] = [];
  const all = Promise.withResolvers<void>();
  const reader = new FrameReader({
    message: (value) => {
      seen.push(value);
      if (value === "end") all.resolve();
    },
    data: (piece) => seen.push(Buffer.from(piece).toString()),
  });
  theirs.on("data", (chunk: Buffer) => reader.push(chunk)).resume();
  ours.send({ a: 1 });
  ours.sendData(Buffer.from("bytes"));
  ours.send("end");
  await all.promise;
  assert.deepEqual(seen, [{ a: 1 }, "bytes", "end"]);
  theirs.write(messageFrame(["answer"]));
  assert.deepEqual(await heard.promise, ["answer"]);
});

test("a sender waits until a reader that does not read has taken what was sent", async (t) => {
  const { ours, theirs } = await pairOf(t);
  const piece = Buffer.alloc(1024 * 1024, 7);
  let sent = 0;
  // The kernel's buffers take something; then the lane says that it must wait.
  while (ours.sendData(piece) && sent < 64) sent += 1;
  assert.ok(sent < 64, "64 MiB left at once, to nobody");
  let drained = false;
  const waiting = ours.drained().then(() => {
    drained = true;
  });
  await pause(50);
  assert.equal(drained, false);
  let came = 0;
  theirs.on("data", (chunk: Buffer) => {
    came += chunk.length;
  });
  theirs.resume();
  await waiting;
  const expected = (sent + 1) * (piece.length + 5);
  while (came < expected) await pause(5);
  assert.equal(came, expected);
});

test("a paused lane takes no more than one read of what comes, and all of it when it goes on", async (t) => {
  let came = 0;
  let pauseAt = 1;
  const lane = Promise.withResolvers<Lane>();
  const { ours, theirs } = await pairOf(t, {
    data: (piece) => {
      came += piece.length;
      if (came >= pauseAt) void lane.promise.then((given) => given.pause());
    },
  });
  lane.resolve(ours);
  const frame = Buffer.concat([dataHeader(1024 * 1024), Buffer.alloc(1024 * 1024)]);
  for (let i = 0; i < 8; i += 1) theirs.write(frame);
  while (came === 0) await pause(5);
  await pause(100);
  assert.ok(came <= 256 * 1024, `${came} bytes came through a paused lane`);
  pauseAt = Number.POSITIVE_INFINITY;
  ours.resume();
  while (came < 8 * 1024 * 1024) await pause(5);
});

test("an end that goes away is noticed, without a cause", async (t) => {
  const { ours, theirs } = await pairOf(t);
  const closed = closing(ours);
  theirs.end();
  assert.equal(await closed, null);
  await ours.drained();
  ours.send("to nobody");
  assert.equal(ours.sendData(Buffer.alloc(9)), true);
});

test("bytes that are no frames close the lane, and the cause says so", async (t) => {
  const { ours, theirs } = await pairOf(t);
  const closed = closing(ours);
  theirs.write("HTTP/1.1 400 Bad Request\r\n\r\n");
  const cause = await closed;
  assert.ok(cause instanceof Failure && cause.code === "worker.protocol", String(cause));
});

test("a handler that throws closes the lane, with what it threw", async (t) => {
  const breach = new Failure("worker.protocol", "no data here");
  const { ours, theirs } = await pairOf(t, {
    data: () => {
      throw breach;
    },
  });
  const closed = closing(ours);
  theirs.write(Buffer.concat([dataHeader(1), Buffer.alloc(1)]));
  assert.equal(await closed, breach);
});

test("who waits for a lane to drain is not left waiting when it goes away", async (t) => {
  const { ours, theirs } = await pairOf(t);
  ours.onClose(() => {});
  while (ours.sendData(Buffer.alloc(1024 * 1024)));
  const waiting = ours.drained();
  theirs.destroy();
  await waiting;
});

test("the place where two ends met is gone", async (t) => {
  const before = process.env["TMPDIR"];
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-lanes-"));
  process.env["TMPDIR"] = folder;
  t.after(async () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    await rm(folder, { recursive: true });
  });
  await pairOf(t);
  assert.deepEqual(await readdir(folder), []);
});
