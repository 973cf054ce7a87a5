import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { descriptorDoor } from "../../src/confine/descriptors.ts";
import { ROLE_DESCRIPTORS, ROLE_MESSAGE_BYTES } from "../../src/wire/role-message.ts";
import { needsKernelWalls } from "../confinement/run.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { openRoleSockets, type RoleSockets } from "../fixtures/role-sockets.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

describe("processes that another than the keeper starts", { skip: needsKernelWalls() }, () => {
  let sockets: RoleSockets;
  let http: HttpVendor;
  let vendor: SignedListVendor;
  let daemon: TestDaemon;

  before(async () => {
    sockets = await openRoleSockets();
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "s");
    vendor.publish(new Map([["a.bin", Buffer.from("an update")]]), Date.now());
    daemon = await startTestDaemon({
      config: { confinement: { least: "kernel", roles: sockets.folder } },
      channels: {
        staging: { listen: "127.0.0.1:0", ftp: { listen: "127.0.0.1:0" } },
        production: { listen: "127.0.0.1:0" },
      },
    });
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
    sockets?.close();
  });

  const processOf = async (role: string) => {
    const { processes } = await daemon.must({ verb: "status" });
    const found = processes.find((entry) => entry.role === role);
    assert.ok(found !== undefined);
    return found;
  };

  test("the whole road is walked: fetched, inspected, signed, served over HTTP and FTP, logged", async () => {
    await daemon.addSource(vendor.source());
    const { run } = await daemon.must({ verb: "sync", source: "s", by: "test" });
    assert.equal(run.outcome, "new-revision", sockets.errors());
    assert.equal(await (await fetch(`${await daemon.url("staging")}s/a.bin`)).text(), "an update");
    await daemon.must({ verb: "audit-checkpoint" });
    const { channels } = await daemon.must({ verb: "status" });
    const ftp = new URL(channels.find(({ channel }) => channel === "staging")?.ftp ?? "");
    const greeting = net.connect(Number(ftp.port), ftp.hostname);
    assert.match(String((await once(greeting, "data"))[0]), /^220 /);
    greeting.destroy();
    assert.deepEqual(
      new Set(sockets.started.map(({ role }) => role)),
      new Set(["serve", "fetch", "inspect", "signer"]),
    );
    for (const log = path.join(daemon.data, "logs/staging.access.log"); ; await sleep(50))
      if (readFileSync(log, "utf8").includes("/s/a.bin")) break;
  });

  test("the level is what the kernel says, and users are not claimed where there is one", async () => {
    const { pid, level } = await processOf("serve-staging");
    assert.ok(sockets.started.some(({ child }) => child.pid === pid));
    assert.equal(level, "kernel");
    assert.match(daemon.events(), /"event":"daemon.started".*"level":"kernel"/);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.equal(readFileSync(`/proc/${pid}/environ`, "utf8"), "");
  });

  test("a server that is killed is back at its address", async () => {
    const url = await daemon.url("production");
    const { pid, restarts } = await processOf("serve-production");
    process.kill(pid ?? 0, "SIGKILL");
    const until = Date.now() + 15_000;
    for (;;) {
      const now = await processOf("serve-production");
      if (now.restarts > restarts && now.pid !== null && now.pid !== pid) break;
      assert.ok(Date.now() < until, "it came back");
      await sleep(50);
    }
    assert.equal((await fetch(url)).status, 200);
    assert.equal(await daemon.url("production"), url);
  });

  test("below the least it does not start: a process of the keeper's own user is no L2", async () => {
    const other = startTestDaemon({ config: { confinement: { least: "users", roles: sockets.folder } } });
    await assert.rejects(other, /confinement\.too-weak/);
  });

  test("none outlives its keeper", async () => {
    await daemon.kill("SIGKILL");
    const running = () => sockets.started.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    for (const until = Date.now() + 10_000; running().length > 0 && Date.now() < until; ) await sleep(20);
    assert.deepEqual(
      running().map(({ role }) => role),
      [],
    );
    await daemon.start();
  });
});

describe("what a starter is told", { skip: needsKernelWalls() }, () => {
  const door = descriptorDoor();
  let sockets: RoleSockets;

  before(async () => {
    sockets = await openRoleSockets();
  });
  after(() => sockets?.close());

  const message = {
    kind: "role-start",
    role: "inspect",
    args: ["1", "/q", "/b"],
    reads: ["/tmp"],
    writes: [],
  } as const;
  const good = { ...message, network: "none", descriptors: 1 };

  /** How the process ended that got this, and what it answered. */
  async function told(say: (fd: number) => void, role = "inspect") {
    assert.ok(door !== null);
    const before = sockets.started.length;
    const fd = door.connect(path.join(sockets.folder, `${role}.sock`));
    say(fd);
    for (; sockets.started.length === before; ) await sleep(5);
    const child = sockets.started.at(-1)?.child;
    assert.ok(child !== undefined);
    const answer = async () => {
      for (;;) {
        const heard = door.receive(fd, { bytes: 2_048, fds: 1 });
        if (heard?.kind === "received") {
          for (const one of heard.fds) door.close(one);
          return JSON.parse(Buffer.from(heard.bytes).toString()) as { readonly kind: string };
        }
        if (heard?.kind === "refused") return null;
        await sleep(5);
      }
    };
    return { fd, child, answer };
  }

  const sent =
    (content: unknown, count = 1) =>
    (fd: number) => {
      assert.ok(door !== null);
      const [near, far] = door.pair();
      door.send(
        fd,
        Buffer.from(JSON.stringify(content)),
        Array.from({ length: count }, () => far),
      );
      door.close(far);
      // Kept, so that the worker's lane does not end at once.
      kept.push(near);
    };
  const kept: number[] = [];
  after(() => kept.forEach((fd) => door?.close(fd)));

  for (const [what, say] of [
    ["another role", sent({ ...good, role: "signer" })],
    ["a wider network", sent({ ...good, network: "connect" })],
    ["a folder to write in", sent({ ...good, writes: ["/tmp"] })],
    ["a folder that is none", sent({ ...good, reads: ["tmp"] })],
    ["an entry of the keeper's choice", sent({ ...good, entry: "/tmp/x.ts" })],
    ["flags of the keeper's choice", sent({ ...good, runtime: ["--import", "/tmp/x.ts"] })],
    ["an argument that ends early", sent({ ...good, args: ["1\0", "/q", "/b"] })],
    ["fewer descriptors than it says", sent({ ...good, descriptors: 2 })],
    ["too many descriptors", sent({ ...good, descriptors: ROLE_DESCRIPTORS + 1 }, ROLE_DESCRIPTORS + 1)],
    ["too long a message", sent({ ...good, args: ["x".repeat(ROLE_MESSAGE_BYTES)] })],
    ["no JSON", (fd: number) => door?.send(fd, Buffer.from("{"), [])],
    [
      "two messages",
      (fd: number) => {
        sent(good)(fd);
        sent(good)(fd);
      },
    ],
    ["less than a message, and the end", (fd: number) => void writeSync(fd, "abc")],
  ] as const)
    test(`${what}: refused, and nothing runs`, async () => {
      const { fd, child, answer } = await told(say);
      if (what.startsWith("less")) door?.close(fd);
      else assert.equal((await answer())?.kind, "role-refused");
      if (child.exitCode === null) await once(child, "exit");
      assert.equal(child.exitCode, 71);
      if (!what.startsWith("less")) door?.close(fd);
    });

  test("nothing at all, and the end: it ends too", async () => {
    const { fd, child } = await told(() => {});
    door?.close(fd);
    await once(child, "exit");
    assert.equal(child.exitCode, 71);
  });

  for (const how of ["a byte", "the end"] as const)
    test(`what it should be told: it becomes the worker, and dies by ${how} of the connection`, async () => {
      const { fd, child, answer } = await told(sent(good));
      assert.equal((await answer())?.kind, "role-ready");
      const command = () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8");
      for (const until = Date.now() + 10_000; !command().includes("inspect-worker") && Date.now() < until; )
        await sleep(5);
      assert.match(command(), /inspect-worker/);
      if (how === "a byte") writeSync(fd, "!");
      else door?.close(fd);
      await once(child, "exit");
      assert.equal(child.signalCode, "SIGKILL");
      if (how === "a byte") door?.close(fd);
    });
});
