import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Lane } from "../wire/lane.ts";
import type { Confine } from "./jails.ts";
import { WorkerProcess } from "./worker-process.ts";

const ENTRY = fileURLToPath(new URL("../../test/fixtures/obedient-worker.ts", import.meta.url));
const JAIL = { role: "test", reads: [], network: "none" } as const;

interface Started {
  readonly worker: WorkerProcess;
  readonly messages: unknown[];
  readonly exited: Promise<void>;
  readonly start: () => Promise<Lane>;
}

function workerOf(t: TestContext, confine: Confine): Started {
  const worker = new WorkerProcess({ jail: JAIL, entry: ENTRY, args: ["1"], lanes: 1, inherits: [] }, confine);
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
  assert.deepEqual(worker.state, { role: "test", pid: null, restarts: 0, state: "idle" });
  const lane = await start();
  lane.send({ steps: [{ say: "here" }] });
  await until(() => messages.length > 0);
  assert.deepEqual(messages, ["here"]);
  assert.equal(worker.state.state, "running");
  assert.deepEqual(commands, [[process.execPath, ENTRY, "1"]]);
});

test("a program that is not there is an exit like any other, not an exception", async (t) => {
  const { worker, exited, start } = workerOf(t, () => ["/nonexistent/program"]);
  await start();
  await exited;
  assert.deepEqual([worker.state.state, worker.state.pid], ["idle", null]);
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
