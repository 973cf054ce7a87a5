import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { needsProgram } from "../../test/fixtures/needs.ts";
import { type Fact, known } from "../core/machine/facts.ts";
import { collectFacts, type HostWish } from "./collect.ts";
import { addressOf } from "./network.ts";
import { mappings, ourProcesses, processFacts } from "./processes.ts";
import { Root } from "./root.ts";

const STATUS = (uid: number, seccomp = 2, capabilities = "0000000000000000"): string =>
  `Name:\tnode\nPPid:\t100\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t${seccomp}\n`;
const TCP_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const tcp = (local: string, state: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n`;

/** A machine as files: what the kernel, apt and dpkg would show of a bastion with two interfaces. */
const MACHINE: Readonly<Record<string, string | Buffer>> = {
  "proc/100/cmdline": "node\0/opt/ringfort/src/main/ringfortd.ts\0",
  "proc/100/status": STATUS(990),
  "proc/103/cmdline": "node\0--permission\0/opt/ringfort/src/main/serve-worker.ts\0",
  "proc/103/status": STATUS(993),
  "proc/103/maps":
    "55d0-55d1 r-xp 00000000 08:01 12 /usr/bin/node\n7f00-7f01 rwxp 00000000 00:00 0 \n" +
    "7f10-7f11 r-xp 00000000 08:01 13 /usr/lib/libssl.so.3 (deleted)\n7f20-7f21 r--p 00000000 08:01 14 /tmp/data (deleted)\n",
  "proc/103/limits":
    "Limit                     Soft Limit           Hard Limit           Units\nMax core file size        0                    unlimited            bytes\n",
  "proc/103/environ": "PATH=/usr/bin\0UPSTREAM_PASSWORD=hunter2\0TOKENIZER=no\0",
  "proc/103/net/dev": "Inter-|   Receive\n face |bytes\n    lo:       0\n  eth1: 1\n",
  "proc/200/cmdline": "nginx\0",
  "proc/net/tcp": `${TCP_HEAD}${tcp("0A00140A:0050", "0A")}${tcp("0100007F:0019", "0A")}${tcp("0A00140A:0050", "01")}`,
  "proc/net/tcp6": `${TCP_HEAD}   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0\n`,
  "proc/net/udp": `${TCP_HEAD}${tcp("00000000:0044", "07")}`,
  "proc/net/route":
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t016433C6\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth1\t0000140A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
  "proc/net/fib_trie":
    "Local:\n  +-- 0.0.0.0/0 2 0 2\n     |-- 198.51.100.7\n        /32 host LOCAL\n     |-- 10.20.0.10\n        /32 host LOCAL\n     |-- 10.20.255.255\n        /32 link BROADCAST\n",
  "proc/net/if_inet6":
    "20010db8000000000000000000000007 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n",
  "proc/sys/net/ipv4/conf/all/rp_filter": "1\n",
  "proc/sys/net/ipv4/conf/eth0/rp_filter": "1\n",
  "proc/sys/net/ipv4/conf/eth1.20/accept_redirects": "1\n",
  "proc/sys/kernel/kptr_restrict": "2\n",
  "proc/sys/kernel/osrelease": "6.1.0-28-amd64\n",
  "proc/self/mountinfo":
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n40 22 8:2 / /var/lib/ringfort rw,nosuid,nodev,noexec - ext4 /dev/sda2 rw\n",
  "nft.json": '{"nftables":[{"metainfo":{}}]}',
  "var/lib/dpkg/status":
    "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.11-1\n",
  "var/lib/apt/lists/security.debian.org_dists_bookworm-security_InRelease":
    "-----BEGIN PGP SIGNED MESSAGE-----\n\nSuite: oldstable-security\nDate: Sun, 22 Nov 2026 10:00:00 UTC\n",
  "var/lib/apt/lists/security.debian.org_dists_bookworm-security_main_binary-amd64_Packages.gz": gzipSync(
    "Package: libssl3\nArchitecture: amd64\nVersion: 3.0.17-1\n",
  ),
  "var/lib/apt/lists/deb.debian.org_dists_bookworm_main_binary-amd64_Packages":
    "Package: libssl3\nArchitecture: amd64\nVersion: 9.9\n",
  "etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
  "boot/vmlinuz-6.1.0-28-amd64": "",
  "var/lib/ringfort/blobs/sha256/ab/file": "content",
  "var/lib/ringfort/views/channels/staging.json": "{}",
  "var/lib/ringfort/signer/key": "{}",
};

async function machine(t: TestContext, changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), "ringfort-root-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries({ ...MACHINE, ...changes })) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true, mode: 0o755 });
    await writeFile(path.join(root, name), content, { mode: name.endsWith("key") ? 0o600 : 0o444 });
  }
  return root;
}

const look = (root: string, more: Partial<HostWish> = {}): ReturnType<typeof collectFacts> =>
  collectFacts({
    root,
    data: "/var/lib/ringfort",
    outside: null,
    workers: null,
    clockKept: () => known(true),
    runtime: null,
    dependencies: known([{ name: "tar", version: "6.1.0" }]),
    advisories: [],
    ...more,
  });

function is<T>(fact: Fact<T> | undefined): T {
  assert.ok(fact !== undefined && "is" in fact, fact !== undefined && "unknown" in fact ? fact.unknown : "not there");
  return fact.is;
}

test("processes of ours are known by what they run, and looked at", async (t) => {
  const root = await machine(t);
  const [keeper, serve, ...others] = is(look(root).processes);
  assert.deepEqual([keeper?.role, serve?.role, others.length], ["keeper", "serve", 0]);
  assert.ok(keeper && serve);
  assert.equal(is(serve.uid), 993);
  assert.equal(is(serve.capabilities), 0n);
  assert.deepEqual([is(serve.seccomp), is(serve.noNewPrivileges), is(serve.writableExecutable)], [2, true, 1]);
  assert.deepEqual([is(serve.coreLimit), is(serve.emptyNetwork)], [0, false]);
  assert.deepEqual(is(serve.secretNames), ["UPSTREAM_PASSWORD"]);
  assert.deepEqual(is(serve.replaced), ["/usr/lib/libssl.so.3"]);
  assert.ok("unknown" in keeper.coreLimit && "unknown" in keeper.replaced, "what is not there is unknown");
  assert.deepEqual(
    is(ourProcesses(new Root(root), [103])).map(({ pid }) => pid),
    [100, 103],
    "a worker's keeper is who started it",
  );
  assert.deepEqual(is(ourProcesses(new Root(root), [104])), []);
});

test("where systemd starts each role, the keeper is found without being anybody's parent", async (t) => {
  const root = await machine(t, {
    "proc/103/status": STATUS(993).replace("PPid:\t100", "PPid:\t1"),
    "proc/105/cmdline": "node\0/usr/lib/ringfort/dist/main/login-worker.js\0",
    "proc/105/status": STATUS(995).replace("PPid:\t100", "PPid:\t1"),
  });
  assert.deepEqual(
    is(ourProcesses(new Root(root), [103, 105])).map(({ pid, role }) => [pid, role]),
    [
      [100, "keeper"],
      [103, "serve"],
      [105, "login"],
    ],
  );
});

test("processes of others that run what a package has replaced are told; threads of the kernel have nothing", async (t) => {
  const root = await machine(t, {
    "proc/200/comm": "nginx\n",
    "proc/200/maps": "7f10-7f11 r-xp 00000000 08:01 13 /usr/lib/libssl.so.3 (deleted)\n",
    "proc/2/maps": "",
  });
  assert.deepEqual(is(look(root).replacedElsewhere), [{ pid: 200, name: "nginx", files: ["/usr/lib/libssl.so.3"] }]);
});

test("a drop-in that opens one of our units is in its exposure", {
  skip: needsProgram("systemd-analyze", "systemd"),
}, async (t) => {
  const unit = "[Service]\nExecStart=/bin/a\nCapabilityBoundingSet=\nPrivateNetwork=yes\n";
  const shut = is(look(await machine(t, { "usr/lib/systemd/system/ringfort-fetch@.service": unit })).exposures);
  const opened = await machine(t, {
    "usr/lib/systemd/system/ringfort-fetch@.service": unit,
    "etc/systemd/system/ringfort-fetch@.service.d/open.conf": "[Service]\nPrivateNetwork=no\nType=oneshot\n",
  });
  const [one] = is(look(opened).exposures);
  assert.deepEqual([shut.length, shut[0]?.passing, one?.passing], [1, false, true]);
  assert.ok((one?.score ?? 0) > (shut[0]?.score ?? 10));
});

test("listeners, outside interfaces and their addresses are read of the kernel's tables", async (t) => {
  const { listeners, outside, outsideAddresses, sysctls, interfaces, ruleset } = look(await machine(t));
  assert.deepEqual(
    is(listeners).map(({ protocol, address, port }) => `${protocol} ${address} ${port}`),
    ["tcp 10.20.0.10 80", "tcp 127.0.0.1 25", "tcp :: 22", "udp 0.0.0.0 68"],
  );
  assert.deepEqual([is(outside), is(outsideAddresses)], [["eth0"], ["198.51.100.7", "2001:db8::7"]]);
  assert.deepEqual(is(interfaces), ["eth0", "eth1.20"]);
  assert.equal(is(sysctls["net.ipv4.conf.eth1.20.accept_redirects"]), "1");
  assert.ok("unknown" in (sysctls["kernel.dmesg_restrict"] ?? {}));
  assert.ok(typeof is(ruleset) === "object");
  assert.equal(addressOf("0000000000000000FFFF00000100007F"), "127.0.0.1");
});

test("the store: its mount, links in it, and whose files a server could write", async (t) => {
  const root = await machine(t);
  const clean = look(root).store;
  assert.deepEqual(is(clean.mountOptions), ["rw", "nosuid", "nodev", "noexec"]);
  assert.equal(is(clean.ownFileSystem), false);
  assert.deepEqual([is(clean.writableToServers), is(clean.oddities), is(clean.key)?.mode], [[], [], 0o600]);
  await symlink("/etc/passwd", path.join(root, "var/lib/ringfort/views/link"));
  await chmod(path.join(root, "var/lib/ringfort/blobs/sha256/ab/file"), 0o664);
  await chmod(path.join(root, "var/lib/ringfort/signer"), 0o777);
  const faulty = look(root).store;
  assert.deepEqual(is(faulty.oddities), ["views/link"]);
  assert.deepEqual(is(faulty.writableToServers), ["blobs/sha256/ab/file"]);
  assert.equal((is(faulty.key)?.mode ?? 0) & 0o022, 0o022, "a folder that others write in gives the key away");
});

test("a server without the kernel's wall could write what its user owns", async (t) => {
  const uid = process.getuid?.() ?? 0;
  const root = await machine(t, { "proc/103/status": STATUS(uid, 0) });
  assert.ok(is(look(root).store.writableToServers).includes("blobs/sha256/ab/file"));
  const walled = await machine(t, { "proc/103/status": STATUS(uid, 2) });
  assert.deepEqual(is(look(walled).store.writableToServers), []);
  const nobody = await machine(t, { "proc/103/cmdline": "other\0" });
  assert.ok("unknown" in look(nobody).store.writableToServers, "no server: it is not known whose files it could write");
});

test("patches: apt's security lists against dpkg's status, and files of advisories", async (t) => {
  const root = await machine(t);
  const { patch } = look(root);
  assert.deepEqual(is(patch.pending), [{ name: "libssl3", installed: "3.0.11-1", candidate: "3.0.17-1" }]);
  assert.equal(is(patch.metadataAt), Date.UTC(2026, 10, 22, 10));
  assert.equal(is(patch.rebootPending), false);
  assert.ok("unknown" in patch.runtime && "unknown" in patch.packages && "unknown" in patch.dependencies);

  const tracker = path.join(root, "tracker.json");
  const osv = path.join(root, "osv.json");
  await writeFile(
    tracker,
    JSON.stringify({
      openssl: { "CVE-1": { releases: { bookworm: { status: "resolved", fixed_version: "3.0.12" } } } },
    }),
  );
  await utimes(tracker, 1_000, 2_000);
  await writeFile(
    osv,
    JSON.stringify({
      id: "GHSA-1",
      modified: "2026-11-20T00:00:00Z",
      affected: [
        {
          package: { ecosystem: "npm", name: "tar" },
          ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "6.1.2" }] }],
        },
      ],
    }),
  );
  const told = look(root, { advisories: [tracker, osv] }).patch;
  assert.deepEqual(is(told.packages), {
    newest: 2_000_000,
    vulnerabilities: [{ name: "libssl3", version: "3.0.11-1", id: "CVE-1", fixed: "3.0.12" }],
  });
  assert.deepEqual(is(told.dependencies).vulnerabilities, [
    { name: "tar", version: "6.1.0", id: "GHSA-1", fixed: "6.1.2" },
  ]);
  await writeFile(osv, "{}");
  const broken = look(root, { advisories: [tracker, osv] }).patch;
  assert.ok("unknown" in broken.packages && "unknown" in broken.dependencies, "a broken feed is no clean one");

  const restarted = await machine(t, { "boot/vmlinuz-6.1.0-30-amd64": "" });
  assert.equal(is(look(restarted).patch.rebootPending), true);
  const bare = await mkdtemp(path.join(root, "bare-"));
  assert.ok("unknown" in look(bare).patch.pending);
});

test("a running process of this machine is read as the kernel shows it", {
  skip: process.platform !== "linux",
}, async (t) => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('up')"], {
    env: { API_TOKEN: "x" },
  });
  t.after(() => child.kill());
  await once(child.stdout, "data");
  const [facts] = processFacts(new Root("/"), [{ pid: child.pid ?? -1, role: "serve" }]);
  assert.ok(facts);
  assert.equal(is(facts.uid), process.getuid?.());
  assert.deepEqual(is(facts.secretNames), ["API_TOKEN"]);
  assert.ok(
    is(mappings(new Root("/"), child.pid ?? -1)).some(({ rights, file }) => rights.includes("x") && file !== ""),
  );
});
