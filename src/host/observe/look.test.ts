import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { known } from "../../core/machine/facts.ts";
import { compareLooks } from "../../core/observed/compare-looks.ts";
import type { ProcessWish } from "../../core/observed/look.ts";
import { look } from "../../core/observed/look.ts";
import { Root } from "../root.ts";
import { lookHere, portsHere } from "./look.ts";
import { withDescendants } from "./relatives.ts";

const WISH: ProcessWish = { pids: [], roles: null, workers: null, units: [], programs: [], landlock: new Map() };
const SET = (name: string, digits: string): string => `${name}:\t${digits.padStart(16, "0")}\n`;
const STATUS =
  "Name:\tevil\\n\u001b[31m\nPPid:\t1\nUid:\t33\t33\t33\t33\nGroups:\t4 33 \n" +
  SET("CapInh", "0") +
  SET("CapPrm", "400") +
  SET("CapEff", "400") +
  SET("CapBnd", "1ffffffffff") +
  SET("CapAmb", "0") +
  "NoNewPrivs:\t1\nSeccomp:\t2\n";
const TCP =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
  "   0: 0A00140A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n" +
  "   1: 0A00140A:0050 0B00140A:C350 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0\n";

/** A process as files, as /proc would show one; what is not there could not be read. */
async function machine(t: TestContext): Promise<Root> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-look-"));
  t.after(() => rm(folder, { recursive: true }));
  const at = path.join(folder, "proc/7");
  await mkdir(path.join(at, "fd"), { recursive: true });
  await mkdir(path.join(at, "fdinfo"));
  await mkdir(path.join(at, "ns"));
  await mkdir(path.join(at, "net"));
  await mkdir(path.join(folder, "proc/1/ns"), { recursive: true });
  await mkdir(path.join(folder, "var/lib/dpkg/info"), { recursive: true });
  await mkdir(path.join(folder, "etc"));
  const files: Readonly<Record<string, string>> = {
    "proc/7/status": STATUS,
    "proc/7/comm": "daemon\n",
    "proc/7/cgroup": "0::/system.slice/nginx.service\n",
    "proc/7/maps":
      "55d0-55d1 r-xp 00000000 08:01 12 /usr/sbin/daemon\n7f00-7f01 rwxp 00000000 00:00 0 \n" +
      "7f10-7f11 r-xp 00000000 08:01 13 /usr/lib/libssl.so.3 (deleted)\n7f20-7f21 r--p 00000000 08:01 14 /var/data\n",
    "proc/7/limits":
      "Limit                     Soft Limit           Hard Limit           Units     \nMax core file size        0                    unlimited            bytes     \n",
    "proc/7/environ": "PATH=/usr/bin\0TOKEN=hunter2\nSECOND=line\0",
    "proc/7/net/tcp": TCP,
    "proc/7/net/unix":
      "Num       RefCount Protocol Flags    Type St Inode Path\nffff: 00000002 00000000 00010000 0001 01 99 /run/d.sock\n",
    "proc/7/fdinfo/0": "pos:\t0\nflags:\t0100001\n",
    "proc/7/fdinfo/3": "flags:\t02000002\n",
    "proc/7/fdinfo/4": "flags:\t02000002\n",
    "proc/7/fdinfo/5": "flags:\t02000002\n",
    "proc/7/fdinfo/6": "flags:\t02000000\n",
    "var/lib/dpkg/info/daemon.list": "/.\n/usr/sbin/daemon\n",
    "etc/passwd": "www-data:x:33:33::/:/bin/false\n",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const links: Readonly<Record<string, string | Buffer>> = {
    "proc/7/exe": "/usr/sbin/daemon",
    "proc/7/fd/0": "/var/log/out.log (deleted)",
    "proc/7/fd/3": "socket:[4242]",
    "proc/7/fd/4": "socket:[4243]",
    "proc/7/fd/5": "socket:[99]",
    "proc/7/fd/6": Buffer.from([0x2f, 0x61, 0x0a, 0xff, 0x5c]),
    // Its fdinfo is not there: it was closed in between.
    "proc/7/fd/8": "/closed/meanwhile",
    "proc/7/ns/net": "net:[2]",
    "proc/1/ns/net": "net:[1]",
    "proc/7/ns/mnt": "mnt:[3]",
  };
  for (const [name, to] of Object.entries(links)) await symlink(to, path.join(folder, name));
  // The folder of names has no others, and the first that is asked for must be there.
  await symlink("cgroup:[4]", path.join(at, "ns/cgroup"));
  await symlink("cgroup:[4]", path.join(folder, "proc/1/ns/cgroup"));
  return new Root(folder);
}

test("everything of a process is told as /proc has it, and of variables only the names", async (t) => {
  const root = await machine(t);
  const seen = lookHere({ ...WISH, units: ["nginx"] }, 1, root);
  const [one] = seen.processes;
  assert.ok(one !== undefined);
  assert.ok(look.safeParse(JSON.parse(JSON.stringify(seen))).success, "what is printed is what is read");
  assert.deepEqual(one.user, known({ real: 33, effective: 33, saved: 33, name: "www-data" }));
  assert.deepEqual(one.groups, known([4, 33]));
  assert.deepEqual("is" in one.capabilities && one.capabilities.is["effective"], ["CAP_NET_BIND_SERVICE"]);
  assert.deepEqual("is" in one.capabilities && one.capabilities.is["bounding"]?.length, 41);
  assert.deepEqual(one.unit, known("nginx.service"));
  assert.deepEqual(one.environment, known(["PATH", "TOKEN"]));
  assert.ok(!JSON.stringify(seen).includes("hunter2"));
  assert.deepEqual(
    one.files,
    known([
      { fd: 0, path: "/var/log/out.log", mode: "write", deleted: true },
      { fd: 6, path: "/a\n\\xff\\x5c", mode: "read", deleted: false },
    ]),
  );
  assert.deepEqual(
    one.sockets,
    known([
      { fd: 3, protocol: "tcp", state: "listening", local: "10.20.0.10", port: 80, peer: null },
      { fd: 4, protocol: "tcp", state: "connected", local: "10.20.0.10", port: 80, peer: "10.20.0.11:50000" },
      { fd: 5, protocol: "unix", state: "listening", local: "/run/d.sock", port: null, peer: null },
    ]),
  );
  assert.deepEqual(
    one.libraries,
    known([
      { path: "/usr/sbin/daemon", package: known("daemon"), state: "there" },
      { path: "/usr/lib/libssl.so.3", package: known(null), state: "deleted" },
    ]),
  );
  assert.deepEqual(one.writableExecutable, known([""]));
  assert.deepEqual(one.limits, known([{ name: "Max core file size", soft: "0", hard: "unlimited", unit: "bytes" }]));
  assert.ok("is" in one.namespaces);
  assert.deepEqual(
    one.namespaces.is.map(({ name, own }) => [name, "is" in own ? own.is : null]),
    [
      ["cgroup", false],
      ["mnt", null],
      ["net", true],
    ],
  );
});

test("what may not be seen is unknown, never empty, and what nobody can see is not invented", async (t) => {
  const root = await machine(t);
  await rm(root.at("proc/7/maps"));
  await rm(root.at("proc/7/fd"), { recursive: true });
  const [one] = lookHere({ ...WISH, programs: ["daemon"] }, 1, root).processes;
  assert.ok(one !== undefined);
  for (const fact of [one.files, one.sockets, one.libraries, one.writableExecutable, one.landlock])
    assert.ok("unknown" in fact && fact.unknown !== "");
  const [told] = lookHere({ ...WISH, pids: [7], landlock: new Map([[7, "by our launcher"]]) }, 1, root).processes;
  assert.deepEqual(told?.landlock, known("by our launcher"));
});

test("a process that has ended is not in a look, and a missing status is not taken for one", async (t) => {
  const root = await machine(t);
  await rm(root.at("proc/7/status"));
  assert.deepEqual(lookHere({ ...WISH, pids: [7, 8] }, 1, root).processes, []);
});

test("two looks differ in what was opened between them, and what one did not see is unknown", async (t) => {
  const root = await machine(t);
  const before = lookHere({ ...WISH, pids: [7] }, 1, root);
  assert.deepEqual(
    compareLooks(before, before).map(({ change }) => change),
    ["unknown"],
    "of one name space it was never known whose it is",
  );
  await rm(root.at("proc/7/fd/6"));
  await rm(root.at("proc/7/limits"));
  const told = compareLooks(before, lookHere({ ...WISH, pids: [7] }, 2, root));
  assert.ok(told.some(({ what, change }) => what === "file" && change === "gone"));
  assert.ok(told.some(({ what, change }) => what === "limit" && change === "unknown"));
});

test("what a process has started belongs to it, but for whoever observes", {
  skip: process.platform !== "linux",
}, async (t) => {
  const child = spawn("/bin/sh", ["-c", "sleep 60 & wait"], { stdio: "ignore", detached: true });
  t.after(() => process.kill(-(child.pid ?? 0), "SIGKILL"));
  await once(child, "spawn");
  const root = new Root("/");
  const family = withDescendants(root, [process.ppid]);
  assert.ok(family.includes(process.ppid) && !family.includes(process.pid));
  assert.ok(withDescendants(root, [process.pid]).includes(child.pid ?? 0));
});

test("who listens on a port of this machine is found", { skip: process.platform !== "linux" }, async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const found = portsHere().find(({ port, protocol }) => protocol === "tcp" && port === address.port);
  assert.ok(found !== undefined && "is" in found.holders);
  assert.deepEqual(
    found.holders.is.map(({ pid }) => pid),
    [process.pid],
  );
});
