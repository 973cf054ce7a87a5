import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

describe("a worker that dies is started again, and its job is not lost", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;

  before(async () => {
    http = await startHttpVendor({});
    daemon = await startTestDaemon();
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  const workerOf = async (role: string): Promise<{ readonly pid: number; readonly restarts: number }> => {
    const { processes } = await daemon.must({ verb: "status" });
    const found = processes.find((entry) => entry.role === role);
    assert.ok(found !== undefined && found.pid !== null, `${role} runs`);
    return { pid: found.pid, restarts: found.restarts };
  };

  test("no worker may read what lies beside its program, as a data folder in the checkout does", {
    skip: existsSync("/proc/self/cmdline") ? false : "needs /proc",
  }, async () => {
    const { processes } = await daemon.must({ verb: "status" });
    const checkout = fileURLToPath(new URL("../..", import.meta.url));
    const beside = path.join(checkout, "ringfort-data", "ledger.sqlite");
    const running = processes.filter(({ pid }) => pid !== null);
    assert.ok(running.length >= 2);
    for (const { role, pid } of running) {
      const flags = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const allowed = flags.flatMap((flag) => /^--allow-fs-read=(.*)$/s.exec(flag)?.slice(1) ?? []);
      assert.ok(allowed.includes(path.join(checkout, "src")), `${role}: ${allowed.join(" ")}`);
      assert.deepEqual(
        allowed.filter((folder) => beside.startsWith(folder)),
        [],
        role,
      );
    }
  });

  test("fetch, killed in the middle of a download: the download is resumed", async () => {
    const vendor = new SignedListVendor(http, "one");
    vendor.publish(new Map([["a.bin", Buffer.alloc(2_000_000, "one")]]), Date.now());
    http.faults.set("/one/a.bin", { kind: "drip", bytes: 50_000, every: 50 });
    await daemon.addSource(vendor.source());
    const going = daemon.sync("one");
    while (!http.requests.some((request) => request.path === "/one/a.bin"))
      await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill((await workerOf("fetch")).pid, "SIGKILL");
    http.faults.clear();
    const result = await going;
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    const ranges = http.requests
      .filter((request) => request.path === "/one/a.bin")
      .map((request) => request.headers["range"]);
    assert.equal(ranges.length, 2);
    assert.match(String(ranges[1]), /^bytes=[1-9]/);
    assert.equal((await workerOf("fetch")).restarts, 1);
  });

  test("inspect, killed between two runs: the next run has another", async () => {
    const { pid } = await workerOf("inspect");
    process.kill(pid, "SIGKILL");
    const vendor = new SignedListVendor(http, "two");
    vendor.publish(new Map([["a.bin", Buffer.from("two")]]), Date.now());
    await daemon.addSource(vendor.source());
    const result = await daemon.must({ verb: "sync", source: "two", by: "test" });
    assert.equal(result.run.outcome, "new-revision");
    assert.notEqual((await workerOf("inspect")).pid, pid);
  });

  test("serve, killed: it is back at the same address by itself", async () => {
    const url = await daemon.url("staging");
    const { pid } = await workerOf("serve-staging");
    process.kill(pid, "SIGKILL");
    const until = Date.now() + 15_000;
    for (;;) {
      const response = await fetch(`${url}two/a.bin`).catch(() => null);
      if (response?.status === 200) {
        assert.equal(await response.text(), "two");
        break;
      }
      assert.ok(Date.now() < until, "it came back");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.notEqual((await workerOf("serve-staging")).pid, pid);
    assert.match(daemon.events(), /"event":"worker.died","role":"serve-staging"/);
  });

  test("the daemon, killed: no worker outlives it", async () => {
    const pids = await Promise.all(
      ["fetch", "inspect", "serve-staging", "serve-production"].map(async (role) => (await workerOf(role)).pid),
    );
    await daemon.kill("SIGKILL");
    const until = Date.now() + 10_000;
    const alive = (): readonly number[] =>
      pids.filter((pid) => {
        try {
          process.kill(pid, 0);
          return true;
        } catch {
          return false;
        }
      });
    while (alive().length > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(alive(), []);
    await daemon.start();
  });
});
