import assert from "node:assert/strict";
import { test } from "node:test";
import { obedientLanes as lanesOf } from "../../test/fixtures/scripted-lanes.ts";
import { Failure } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import type { Job } from "./job-lanes.ts";

interface Heard {
  readonly messages: unknown[];
  bytes: number;
}

/** A job that ends with the message "end", and what came of it. */
function jobOf(steps: readonly object[], changes: Partial<Job> = {}): { readonly job: Job; readonly heard: Heard } {
  const heard: Heard = { messages: [], bytes: 0 };
  const job: Job = {
    request: { steps },
    limit: 20 * SECOND,
    message: (value) => {
      heard.messages.push(value);
      return value === "end";
    },
    data: (piece) => {
      heard.bytes += piece.length;
    },
    ...changes,
  };
  return { job, heard };
}

const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;
const END = { say: "end" };
const DIE = { die: true };

test("a job's messages and bytes come to it, and its end frees the lane for the next", async (t) => {
  const lanes = lanesOf(t, 1);
  assert.deepEqual([lanes.worker.state.state, lanes.worker.state.pid], ["idle", null], "started when first needed");
  for (let turn = 0; turn < 3; turn += 1) {
    const { job, heard } = jobOf([{ say: turn }, { send: "x".repeat(100), times: 50 }, { echo: true }, END]);
    await lanes.run(job);
    assert.deepEqual(heard, { messages: [turn, job.request, "end"], bytes: 5_000 });
  }
  const { state, restarts } = lanes.worker.state;
  assert.deepEqual([state, restarts], ["running", 0]);
});

test("jobs beyond the lanes wait their turn, first come, first served", async (t) => {
  const lanes = lanesOf(t, 2);
  const order: number[] = [];
  const run = async (id: number, wait: number): Promise<void> => {
    const { job } = jobOf([{ wait }, END], { started: () => void order.push(id) });
    await lanes.run(job);
    order.push(-id);
  };
  await Promise.all([run(1, 150), run(2, 300), run(3, 1), run(4, 1)]);
  assert.deepEqual(order, [1, 2, -1, 3, -3, 4, -4, -2]);
});

test("what is said during a job reaches the worker", async (t) => {
  const { job, heard } = jobOf([], { started: (lane) => lane.send({ kind: "cancel" }) });
  await lanesOf(t, 1).run({ ...job, message: (value) => heard.messages.push(value) > 0 });
  assert.deepEqual(heard.messages, [{ heard: "cancel" }]);
});

test("a worker that dies takes its jobs with it, and the queue goes on with the next one", async (t) => {
  const lanes = lanesOf(t, 2);
  const [dying, beside, waiting] = [jobOf([DIE]), jobOf([{ wait: 30_000 }]), jobOf([END])];
  const ends = await Promise.allSettled([lanes.run(dying.job), lanes.run(beside.job), lanes.run(waiting.job)]);
  assert.deepEqual(
    ends.map((end) => (end.status === "rejected" && end.reason instanceof Failure ? end.reason.code : end.status)),
    ["worker.died", "worker.died", "fulfilled"],
  );
  const [first] = ends;
  assert.ok(first?.status === "rejected" && first.reason.retry === "later");
  assert.equal(lanes.worker.state.restarts, 1);
});

test("a worker that dies young is started again after a pause, which doubles", async (t) => {
  const lanes = lanesOf(t, 1);
  const began = performance.now();
  for (let death = 0; death < 3; death += 1) await assert.rejects(lanes.run(jobOf([DIE]).job), failure("worker.died"));
  const waiting = lanes.run(jobOf([END]).job);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(lanes.worker.state.state, "waiting");
  await waiting;
  // 100 + 200 + 400 ms, and four starts.
  assert.ok(performance.now() - began >= 700);
  assert.equal(lanes.worker.state.restarts, 3);
});

test("a worker that dies as it starts fails each job that needs it, and no job waits for ever", async (t) => {
  const lanes = lanesOf(t, 1, "dead");
  for (let tries = 0; tries < 2; tries += 1) await assert.rejects(lanes.run(jobOf([END]).job), failure("worker.died"));
});

test("a worker that answers nothing in time is ended", async (t) => {
  const lanes = lanesOf(t, 1);
  await lanes.run(jobOf([END]).job);
  const { pid } = lanes.worker.state;
  await assert.rejects(lanes.run(jobOf([{ wait: 30_000 }], { limit: 100 }).job), failure("worker.silent"));
  await lanes.run(jobOf([END]).job);
  assert.notEqual(lanes.worker.state.pid, pid);
  assert.throws(() => process.kill(pid ?? 0, 0), "the silent one is gone");
});

test("a worker that says what its job cannot mean is ended, and the job says why", async (t) => {
  const refuse = (): boolean => {
    throw new Failure("worker.protocol", "out of place");
  };
  const breaches: readonly (readonly [readonly object[], Partial<Job>])[] = [
    [[{ say: 1 }, { wait: 30_000 }], { message: refuse }],
    [[{ say: 1 }, { wait: 30_000 }], { message: () => JSON.parse("{") as boolean }],
    [[{ send: "bytes" }, { wait: 30_000 }], { data: () => void refuse() }],
    [[{ raw: "HTTP/1.1 200 OK\r\n" }, { wait: 30_000 }], {}],
    [[{ raw: "\u0002\u007f\u007f\u007f\u007f" }, { wait: 30_000 }], {}],
  ];
  for (const [steps, changes] of breaches) {
    const lanes = lanesOf(t, 1);
    await assert.rejects(lanes.run(jobOf(steps, changes).job), failure("worker.protocol"));
    const { pid } = lanes.worker.state;
    await lanes.run(jobOf([END]).job);
    assert.notEqual(lanes.worker.state.pid, pid, "nothing more is believed of that process");
    assert.equal(lanes.worker.state.restarts, 1);
  }
});

test("a breach on one lane fails the jobs of the others as a death", async (t) => {
  const lanes = lanesOf(t, 2);
  const other = lanes.run(jobOf([{ wait: 30_000 }]).job);
  const breach = lanes.run(jobOf([{ raw: "garbage" }, { wait: 30_000 }]).job);
  await Promise.all([
    assert.rejects(other, failure("worker.died")),
    assert.rejects(breach, failure("worker.protocol")),
  ]);
});

test("a stop ends the process by its lanes, and starts none again", async (t) => {
  const lanes = lanesOf(t, 2);
  await lanes.run(jobOf([END]).job);
  const going = lanes.run(jobOf([{ wait: 30_000 }]).job);
  const queued = [1, 2].map(() => lanes.run(jobOf([END, { wait: 30_000 }]).job).catch((error: unknown) => error));
  const { pid } = lanes.worker.state;
  await Promise.all([lanes.stop(), assert.rejects(going, failure("worker.died"))]);
  assert.throws(() => process.kill(pid ?? 0, 0));
  await Promise.all(queued);
  await assert.rejects(lanes.run(jobOf([END]).job), failure("daemon.stopping"));
  assert.deepEqual([lanes.worker.state.state, lanes.worker.state.pid], ["stopped", null]);
});

test("a stop while the process is being started leaves none behind", async (t) => {
  const lanes = lanesOf(t, 1);
  const job = lanes.run(jobOf([END]).job);
  await Promise.all([lanes.stop(), assert.rejects(job, failure("daemon.stopping"))]);
  assert.deepEqual([lanes.worker.state.state, lanes.worker.state.pid], ["stopped", null]);
});

test("a job that is called off when it has just ended takes nobody else's worker away", async (t) => {
  const lanes = lanesOf(t, 1);
  let callOff = (): void => {};
  const { job } = jobOf([END], {
    limit: 2 * SECOND,
    started: (_lane, cancel) => {
      callOff = cancel;
    },
  });
  await lanes.run(job);
  callOff();
  await lanes.run(jobOf([{ wait: 2_500 }, END]).job);
  assert.equal(lanes.worker.state.restarts, 0);
});
