import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Step } from "../../test/fixtures/obedient-worker.ts";
import type { EventRecord } from "../core/ports.ts";
import { ChannelServer } from "./channel-server.ts";
import { SpawnStarter } from "./spawn-starter.ts";
import { WorkerProcess } from "./worker-process.ts";

const ENTRY = fileURLToPath(new URL("../../test/fixtures/obedient-worker.ts", import.meta.url));
const LISTENING: Step = { say: { kind: "listening", http: { address: "127.0.0.1", port: 8080 } } };
const TAKEN: Step = { say: { kind: "failed", code: "listen.failed", detail: "in use", retry: "later" } };

interface Scripted {
  readonly server: ChannelServer;
  readonly worker: WorkerProcess;
  readonly events: Pick<EventRecord, "name" | "fields">[];
  /** The kinds of the messages that it got, over all of its processes. */
  readonly heard: () => readonly string[];
}

const reopened = (serial: number): Step => ({ say: { kind: "reopened", serial } });

/** A channel's server whose processes answer the first message with the first of these steps, and so on. */
function serverOf(t: TestContext, script: readonly (readonly Step[])[]): Scripted {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-server-"));
  writeFileSync(path.join(folder, "script"), JSON.stringify(script));
  writeFileSync(path.join(folder, "jobs"), "");
  const jail = { role: "serve-staging", program: [], reads: [], network: "listen" } as const;
  const worker = new WorkerProcess(
    { name: "fetch", jail, entry: ENTRY, args: ["1", folder], lanes: 1, mostMessageBytes: 1_024, inherits: [] },
    new SpawnStarter(
      (_jail, command) => command,
      () => "flags",
    ),
  );
  const events: Pick<EventRecord, "name" | "fields">[] = [];
  const start = {
    kind: "serve-start",
    channel: "staging",
    listen: { host: "127.0.0.1", port: 0 },
    blobs: "/blobs",
    views: "/views",
    session: { idle: 0, most: 0 },
  } as const;
  const server = new ChannelServer(
    worker,
    start,
    { emit: (name, fields) => void events.push({ name, fields }) },
    () => true,
  );
  const alive = setInterval(() => {}, 1_000);
  t.after(async () => {
    clearInterval(alive);
    const stopped = server.stop();
    worker.kill();
    await stopped;
    rmSync(folder, { recursive: true });
  });
  const heard = () =>
    readFileSync(path.join(folder, "jobs"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { readonly kind: string }).kind);
  return { server, worker, events, heard };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < 15_000, "it has not come to that");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a pointer that moves while its server starts is read again once it listens", async (t) => {
  const { server, heard } = serverOf(t, [[{ wait: 150 }, LISTENING], [reopened(1)]]);
  const started = server.start();
  await until(() => heard().length === 1);
  // The server has read the pointer file by now; this move comes after.
  await server.reopen();
  await started;
  assert.deepEqual(heard(), ["serve-start", "reopen"]);
});

test("a server whose address is taken is tried again after pauses that grow, and the daemon lives", async (t) => {
  const { server, worker, events } = serverOf(t, [
    [LISTENING],
    [reopened(1)],
    [TAKEN],
    [TAKEN],
    [LISTENING],
    [reopened(2)],
  ]);
  await server.start();
  const began = performance.now();
  worker.kill();
  await until(() => server.urls.http === null);
  await until(() => server.urls.http !== null);
  assert.ok(performance.now() - began >= 100 + 200 + 400);
  const names = events.map(({ name }) => name);
  const told = ["channel.listening", "worker.died", "channel.down", "channel.down", "channel.listening"];
  assert.deepEqual(names, told);
  assert.deepEqual([events[3]?.fields["code"], server.state.restarts], ["listen.failed", 3]);
});

test("a server that says what no server says is ended at once, and another begins", async (t) => {
  for (const nonsense of [
    { say: { kind: "listening", http: { address: "127.0.0.1", port: 9090 } } },
    { say: { kind: "gossip" } },
    { send: "bytes" },
    { raw: "no frame" },
  ] satisfies Step[]) {
    const { server, worker, events } = serverOf(t, [
      [LISTENING],
      [reopened(1), { wait: 20 }, nonsense],
      [LISTENING],
      [reopened(2)],
    ]);
    await server.start();
    const { pid } = worker.state;
    await until(() => worker.state.pid !== null && worker.state.pid !== pid && server.urls.http !== null);
    assert.equal(server.urls.http, "http://127.0.0.1:8080/", JSON.stringify(nonsense));
    assert.deepEqual(
      events.map(({ name }) => name),
      ["channel.listening", "worker.died", "channel.listening"],
    );
  }
});

test("a server that was taken over cannot fill the log", async (t) => {
  const missing = {
    kind: "blob-missing",
    sha256: "0".repeat(64),
    path: "a\u202e",
    source: "s",
    revision: 1,
    reason: "missing",
  };
  const flood = Array.from({ length: 2_000 }, (): Step => ({ say: missing }));
  const { server, events } = serverOf(t, [[LISTENING], [reopened(1)], [...flood, reopened(2)]]);
  await server.start();
  await server.reopen();
  const told = events.filter(({ name }) => name === "blob.missing");
  assert.equal(told.length, 60);
  assert.equal(told[0]?.fields["path"], "a\\u202e");
});
