import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Lane } from "../wire/lane.ts";
import type { Confine } from "./jails.ts";
import { SpawnStarter } from "./spawn-starter.ts";
import { WorkerProcess } from "./worker-process.ts";

const ENTRY = fileURLToPath(new URL("../../test/fixtures/obedient-worker.ts", import.meta.url));
const JAIL = { role: "test", program: [], reads: [], network: "none" } as const;

interface Started {
  readonly worker: WorkerProcess;
  readonly messages: unknown[];
  readonly exited: Promise<void>;
  readonly start: () => Promise<Lane>;
}

function workerOf(t: TestContext, confine: Confine): Started {
  const worker = new WorkerProcess(
    { name: "fetch", jail: JAIL, entry: ENTRY, args: ["1"], lanes: 1, mostMessageBytes: 1_024, inherits: [] },
    new SpawnStarter(confine, () => "flags"),
  );
  const messages: unknown[] = [];
  const exited = Promise.withResolvers<void>();
  const start = async (): Promise<Lane> => {
    const [lane] = await worker.start([{ message: (value) => messages.push(value), data: () => {} }], exited.resolve);
    assert.ok(lane !== undefined);
    lane.onClose(() => {});
    t.after(() => lane.close());
    return lane;
  };
  t.after(() => worker.stop(100));
  return { worker, messages, exited: exited.promise, start };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a process has its lane and nothing of our environment, and is told by its state", async (t) => {
  const commands: (readonly string[])[] = [];
  const { worker, messages, start } = workerOf(t, (jail, command) => {
    assert.equal(jail, JAIL);
    commands.push(command);
    return command;
  });
  assert.deepEqual(worker.state, { role: "test", pid: null, restarts: 0, level: null, state: "idle" });
  const lane = await start();
  lane.send({ steps: [{ say: "here" }] });
  await until(() => messages.length > 0);
  assert.deepEqual(messages, ["here"]);
  assert.equal(worker.state.state, "running");
  assert.deepEqual(commands, [[process.execPath, ENTRY, "1"]]);
});

test("what cannot be started is a failure that may pass, never a bug that ends the daemon", async (t) => {
  const { worker, start } = workerOf(t, () => ["/nonexistent/program"]);
  const died = { code: "worker.died", retry: "later" };
  await assert.rejects(start(), died);
  assert.deepEqual([worker.state.state, worker.state.pid], ["idle", null]);
  const { TMPDIR } = process.env;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  });
  process.env["TMPDIR"] = "/nonexistent";
  const alive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(alive));
  await assert.rejects(start(), died, "no room for the sockets of its lanes");
});

test("a process is started only when the one before is gone, and an end is waited for", async (t) => {
  const { worker, start } = workerOf(t, (_jail, command) => command);
  await start();
  const { pid } = worker.state;
  worker.kill();
  const alive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(alive));
  await start();
  assert.throws(() => process.kill(pid ?? 0, 0));
  await worker.end();
  assert.deepEqual([worker.state.state, worker.state.restarts], ["idle", 1]);
});

test("a process that does not go when its lanes close is ended after the patience", async (t) => {
  const { worker, exited, start } = workerOf(t, (_jail, command) => command);
  await start();
  const began = performance.now();
  await worker.stop(150);
  await exited;
  assert.ok(performance.now() - began >= 140);
  assert.equal(worker.state.state, "stopped");
});
