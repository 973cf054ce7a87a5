import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Failure } from "../core/kernel/errors.ts";
import { askDaemon } from "./client.ts";
import { listenLocally } from "./local-server.ts";
import type { Progress } from "./requests.ts";

const socket = path.join(tmpdir(), `ringfort-${randomBytes(6).toString("hex")}.sock`);
let replies: readonly unknown[] = [];
let heard: unknown = null;
const server = await listenLocally(socket, (request, caller) => {
  heard = request;
  for (const reply of replies) caller.reply(reply);
  caller.end();
});
after(() => server.close());

const ask = (seen: Progress[] = []) =>
  askDaemon(socket, { verb: "source-remove", source: "a", force: false, by: "ann" }, (progress) => seen.push(progress));
const code =
  (expected: string, also: (failure: Failure) => boolean = () => true) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.code === expected && also(error);

test("a request arrives whole, progress is handed on, the result comes back", async () => {
  const progress = { kind: "progress", phase: "reading", done: 1, total: 2, unit: "files" } as const;
  replies = [progress, progress, { kind: "result", value: { source: "a" } }];
  const seen: Progress[] = [];
  assert.deepEqual(await ask(seen), { source: "a" });
  assert.deepEqual(heard, { verb: "source-remove", source: "a", force: false, by: "ann" });
  assert.deepEqual(seen, [progress, progress]);
});

test("a refusal is a value, a failure is thrown with its own code and hope", async () => {
  replies = [{ kind: "refused", code: "revision.gone", detail: "7" }];
  assert.deepEqual(await ask(), { kind: "refused", code: "revision.gone", detail: "7" });
  replies = [{ kind: "failed", code: "source.busy", detail: "a", retry: "later" }];
  await assert.rejects(
    ask(),
    code("source.busy", ({ retry }) => retry === "later"),
  );
});

test("an answer of another shape, a stranger's code and an unknown message name the daemon's version", async () => {
  for (const reply of [
    { kind: "result", value: { sauce: "a" } },
    { kind: "refused", code: "no.such-code", detail: "" },
    { kind: "song" },
    42,
  ]) {
    replies = [reply];
    await assert.rejects(
      ask(),
      code("worker.protocol", ({ message }) => message.includes("another version")),
    );
  }
});

test("a daemon that goes away before it answers is unreachable, and so is one that is not there", async () => {
  replies = [];
  await assert.rejects(ask(), code("daemon.unreachable"));
  const nobody = askDaemon(`${socket}.not`, { verb: "status" }, () => {});
  await assert.rejects(
    nobody,
    code("daemon.unreachable", ({ retry }) => retry === "later"),
  );
});

test("bytes that are no frame are a protocol failure, not a wait for ever", async () => {
  const babbler = `${socket}.babble`;
  const babbling = net.createServer((connection) => {
    connection.on("error", () => {});
    connection.write(Buffer.from([9, 0, 0, 0, 1, 0]));
  });
  await new Promise<void>((resolve) => babbling.listen(babbler, resolve));
  try {
    await assert.rejects(
      askDaemon(babbler, { verb: "status" }, () => {}),
      code("worker.protocol"),
    );
  } finally {
    babbling.close();
    await rm(babbler, { force: true });
  }
});

test("a request larger than the daemon takes is not sent", async () => {
  heard = null;
  const large = { verb: "source-add", spec: { keys: "x".repeat(1024 * 1024) }, by: "ann" } as const;
  await assert.rejects(
    askDaemon(socket, large, () => {}),
    code("request.malformed"),
  );
  assert.equal(heard, null);
});
