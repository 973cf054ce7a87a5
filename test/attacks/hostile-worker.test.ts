import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "../../src/core/kernel/errors.ts";
import type { FetchWish } from "../../src/core/ports.ts";
import { openFetchDoor } from "../../src/daemon/fetch-door.ts";
import type { JobLanes } from "../../src/daemon/job-lanes.ts";
import { MemoryStore } from "../contract/twins/store.ts";
import { specOf } from "../fixtures/intake.ts";
import type { Step } from "../fixtures/obedient-worker.ts";
import { obedientLanes } from "../fixtures/scripted-lanes.ts";

// The attack: a worker process that was taken over by what it read. It cannot be made to tell the truth; but it must not
// hold up the keeper, fill its memory, or have it believe what nobody asked.

const HEAD: Step = {
  say: {
    kind: "head",
    offset: 0,
    size: null,
    validators: { etag: '"1"', lastModified: null },
    finalUrl: "https://one.test/a",
    dialect: null,
  },
};

/** A fetch process that does these steps for its first job, and what a download through it ends with. */
function takenOver(
  t: TestContext,
  ...script: readonly (readonly Step[])[]
): { readonly lanes: JobLanes; readonly fetch: (signal?: AbortSignal) => Promise<string> } {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-hostile-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "script"), JSON.stringify(script));
  writeFileSync(path.join(folder, "jobs"), "");
  const lanes = obedientLanes(t, 1, folder);
  const { quarantine } = new MemoryStore(() => 0);
  const door = openFetchDoor({ quarantine, lanesFor: () => lanes, readSecret: async () => "" });
  const wish: FetchWish = {
    address: 0,
    path: "a",
    list: false,
    first: null,
    unless: null,
    most: 1_000_000,
    sha512: false,
    wallTime: 60_000,
    progress: () => {},
  };
  const fetch = async (signal = new AbortController().signal): Promise<string> => {
    try {
      return (await door.fetch(specOf(), wish, signal)).kind;
    } catch (error) {
      return error instanceof Failure ? error.code : String(error);
    }
  };
  return { lanes, fetch };
}

test("a worker that does not let go of a job that was called off is ended", async (t) => {
  const { lanes, fetch } = takenOver(t, [HEAD, { send: "x", times: 10 }, { untilCancelled: true }]);
  const stop = new AbortController();
  const went = fetch(stop.signal);
  setTimeout(() => stop.abort(new Failure("daemon.stopping", "the daemon is stopping", { retry: "later" })), 500);
  const began = performance.now();
  assert.equal(await went, "daemon.stopping");
  assert.ok(performance.now() - began < 8_000, "not the minute and a half that the job was given");
  while (lanes.worker.state.state === "running") await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a message that is longer than any of its role is refused at its header, before a byte of it is kept", async (t) => {
  const { fetch } = takenOver(t, [{ raw: "\u0001\u0000\u0001\u0000\u0001{" }]);
  assert.equal(await fetch(), "worker.protocol");
});

test("a worker that talks when nobody asked is ended, and the next job has another", async (t) => {
  const chatter: Step[] = [HEAD, { say: { kind: "done" } }, { wait: 50 }, { say: { kind: "done" } }];
  const { lanes, fetch } = takenOver(t, chatter, [HEAD, { say: { kind: "done" } }]);
  assert.equal(await fetch(), "landed");
  const { pid } = lanes.worker.state;
  while (lanes.worker.state.pid === pid) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await fetch(), "landed");
});

test('"not modified" is no answer where nobody asked by a version', async (t) => {
  const { fetch } = takenOver(t, [{ say: { kind: "not-modified" } }]);
  assert.equal(await fetch(), "worker.protocol");
});
