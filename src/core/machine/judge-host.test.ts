import assert from "node:assert/strict";
import { test } from "node:test";
import { CLEAN_HOST, HOST_NOW, ruleset } from "../../../test/fixtures/clean-host.ts";
import { DAY } from "../kernel/instant.ts";
import { kernelSettings, settingsOfTheMachine } from "../network/kernel-settings.ts";
import { PRESETS, type PresetName, policyOfPreset } from "../release/presets.ts";
import { type HostFacts, known, type ProcessFacts, unknown } from "./facts.ts";
import { CHECKS, judgeHost, worstOf } from "./judge-host.ts";

type Change = (clean: HostFacts) => HostFacts;

/** One process, and no other, is otherwise. */
const serve =
  (change: Partial<ProcessFacts>): Change =>
  (clean) => ({
    ...clean,
    processes: known(
      "is" in clean.processes
        ? clean.processes.is.map((each) => (each.pid === 103 ? { ...each, ...change } : each))
        : [],
    ),
  });
const sysctl =
  (name: string, value: string): Change =>
  (clean) => ({ ...clean, sysctls: { ...clean.sysctls, [name]: known(value) } });
const store =
  (change: Partial<HostFacts["store"]>): Change =>
  (clean) => ({ ...clean, store: { ...clean.store, ...change } });
const patch =
  (change: Partial<HostFacts["patch"]>): Change =>
  (clean) => ({ ...clean, patch: { ...clean.patch, ...change } });
const IMAGE = { verity: { rootHash: "ab".repeat(32), dataBlocks: 9 } };
const product =
  (change: Partial<HostFacts["product"]>): Change =>
  (clean) => ({ ...clean, product: { ...clean.product, ...change } });
const configured =
  (change: (clean: HostFacts["configured"]) => Partial<HostFacts["configured"]>): Change =>
  (clean) => ({ ...clean, configured: { ...clean.configured, ...change(clean.configured) } });
const listening =
  (address: string, port: number): Change =>
  (clean) => ({
    ...clean,
    listeners: known([...("is" in clean.listeners ? clean.listeners.is : []), { protocol: "tcp", address, port }]),
  });
const filter =
  (options: Parameters<typeof ruleset>[0]): Change =>
  (clean) => ({ ...clean, ruleset: known(ruleset(options)) });

const OUTSIDE = { match: { op: "==", left: { meta: { key: "iifname" } }, right: "eth0" } };
const HTTP = { match: { op: "==", left: { payload: { protocol: "tcp", field: "dport" } }, right: 80 } };
const stale = { newest: HOST_NOW - 3 * DAY, vulnerabilities: [] };
const flawed = {
  newest: HOST_NOW,
  vulnerabilities: [{ name: "tar", version: "6.1.0", id: "CVE-2021-32803", fixed: "6.1.2" }],
};

/** Each fault by itself, under the id of the check that is to see it. */
const FAULTS: Readonly<Record<string, readonly Change[]>> = {
  "PRIV-01": [serve({ uid: known(0) })],
  "PRIV-02": [serve({ capabilities: known(1n << 21n) })],
  "PRIV-03": [serve({ noNewPrivileges: known(false) })],
  "PRIV-04": [serve({ seccomp: known(0) })],
  "PRIV-05": [serve({ writableExecutable: known(3) })],
  "PRIV-06": [serve({ uid: known(991) })],
  "PRIV-07": [serve({ coreLimit: known(Number.POSITIVE_INFINITY) }), sysctl("fs.suid_dumpable", "1")],
  "PRIV-08": [serve({ secretNames: known(["UPSTREAM_PASSWORD"]) })],
  "PRIV-09": [
    (clean) => ({ ...clean, exposures: known([{ unit: "ringfort.service", score: 1.1, passing: false }]) }),
    (clean) => ({ ...clean, exposures: known([{ unit: "ringfort-audit.service", score: 3.6, passing: true }]) }),
  ],
  "PRIV-10": [serve({ emptyNetwork: known(false) })],
  "FS-01": [store({ ownFileSystem: known(false) })],
  "FS-02": [store({ mountOptions: known(["rw", "nodev", "nosuid"]) })],
  "FS-03": [store({ writableToServers: known(["blobs/sha256/ab"]) })],
  "FS-04": [store({ oddities: known(["views/link"]) })],
  "FS-05": [store({ key: known({ mode: 0o640, uid: 990 }) })],
  "NET-01": [listening("0.0.0.0", 80), listening("::", 50_003), listening("198.51.100.7", 80)],
  "NET-02": [listening("0.0.0.0", 111), listening("10.20.0.10", 8_443)],
  "NET-03": [
    // The outside is dropped by a rule, so that the policy alone is at fault.
    filter({ policy: "accept", more: [[OUTSIDE, { drop: null }]] }),
  ],
  "NET-04": [filter({ more: [[HTTP, { accept: null }]] }), filter({ more: [[OUTSIDE, { accept: null }]] })],
  "NET-05": [
    filter({ more: [[HTTP, { "ct count": { val: 1_000, inv: true } }, { drop: null }]] }),
    filter({ more: [[HTTP, { limit: { rate: 100, per: "second", inv: true } }, { drop: null }]] }),
  ],
  "NET-06": [sysctl("net.ipv4.tcp_syncookies", "0")],
  "NET-07": [
    sysctl("net.ipv4.conf.all.accept_redirects", "1"),
    sysctl("net.ipv4.conf.eth1.accept_redirects", "1"),
    sysctl("net.ipv6.conf.eth0.accept_redirects", "1"),
  ],
  "NET-08": [sysctl("net.ipv4.conf.eth0.send_redirects", "1")],
  "NET-09": [sysctl("net.ipv6.conf.default.accept_source_route", "1")],
  "NET-10": [sysctl("net.ipv4.conf.all.rp_filter", "2")],
  "NET-11": [sysctl("net.ipv4.ip_forward", "1"), sysctl("net.ipv6.conf.all.forwarding", "1")],
  "NET-12": [
    configured(({ channels }) => ({
      channels: channels.map((each) => ({ ...each, listens: [...each.listens, { host: "10.20.0.10", port: 80 }] })),
    })),
  ],
  "NET-13": [configured(({ channels }) => ({ channels: channels.map((each) => ({ ...each, interface: null })) }))],
  "NET-14": [
    product({ certificates: known([{ channel: "production", notAfter: HOST_NOW + 29 * DAY, refused: null }]) }),
    product({
      certificates: known([
        { channel: "production", notAfter: HOST_NOW + 60 * DAY, refused: "certificate.key-differs" },
      ]),
    }),
  ],
  "LIM-01": [
    configured(() => ({ connectionsPerClient: 512 })),
    configured(() => ({ headerTimeout: 600_000 })),
    configured(() => ({ leastRate: 1 })),
    configured(() => ({ ftpSessions: [{ channel: "staging", most: 16, perClient: 16 }] })),
  ],
  "PATCH-01": [patch({ pending: known([{ name: "openssl", installed: "3.0.11", candidate: "3.0.17" }]) })],
  "PATCH-02": [patch({ metadataAt: known(HOST_NOW - 8 * DAY) })],
  "PATCH-03": [patch({ runtime: known("24.14.0") }), patch({ runtime: known("20.19.0") })],
  "PATCH-04": [patch({ dependencies: known(stale) }), patch({ packages: known(stale) })],
  "PATCH-05": [serve({ replaced: known(["/usr/lib/x86_64-linux-gnu/libssl.so.3"]) })],
  "PATCH-06": [patch({ rebootPending: known(true) })],
  "PATCH-07": [patch({ dependencies: known(flawed) })],
  "PATCH-08": [patch({ packages: known(flawed) })],
  "PATCH-09": [
    (clean) => ({ ...clean, replacedElsewhere: known([{ pid: 7, name: "sshd", files: ["/usr/lib/libssl.so.3"] }]) }),
  ],
  "KRN-01": [sysctl("kernel.kptr_restrict", "0")],
  "KRN-02": [sysctl("kernel.dmesg_restrict", "0")],
  "KRN-03": [sysctl("kernel.unprivileged_bpf_disabled", "0")],
  "KRN-04": [sysctl("fs.protected_symlinks", "0"), sysctl("fs.protected_hardlinks", "0")],
  "KRN-05": [sysctl("kernel.randomize_va_space", "1")],
  "FS-06": [
    product({ storeChecked: known({ at: HOST_NOW, damaged: 1 }) }),
    product({ storeChecked: known({ at: HOST_NOW - 31 * DAY, damaged: 0 }) }),
  ],
  "LOG-01": [configured(() => ({ logFields: ["date", "time"] })), configured(() => ({ logTotal: 2 ** 40 }))],
  "LOG-02": [
    product({ auditLog: known({ wrong: "audit.changed", kept: 12 }) }),
    product({ auditLog: known({ wrong: null, kept: 0 }) }),
  ],
  "CHG-01": [
    product({ releases: known([{ source: "clamav", released: true, soak: 0, signOffs: 1 }]) }),
    product({ releases: known([{ source: "clamav", released: true, soak: DAY, signOffs: 0 }]) }),
  ],
  "CHG-02": [
    product({ sources: known([{ source: "clamav", trust: "none", released: false, lastCode: null }]) }),
    product({
      sources: known([{ source: "clamav", trust: "clamav", released: true, lastCode: "feed.signature-expired" }]),
    }),
  ],
  "TIME-01": [(clean) => ({ ...clean, clockSynchronized: known(false) })],
  "REC-01": [
    product({ rehearsedAt: known(null) }),
    product({ rehearsedAt: known(HOST_NOW - 91 * DAY) }),
    (clean) => ({ ...clean, root: known({ kind: "verity", ...IMAGE.verity, corrupted: false }) }),
    product({ image: known(IMAGE), imageRehearsedAt: known(HOST_NOW - DAY) }),
  ],
};

const flipped = (facts: HostFacts, kind: string): readonly string[] =>
  judgeHost(facts, "bastion").flatMap(({ check, verdict }) => (verdict.kind === kind ? [check.id] : []));

test("on a clean bastion every check passes", () => {
  assert.deepEqual(
    judgeHost(CLEAN_HOST, "bastion").filter(({ verdict }) => verdict.kind !== "pass"),
    [],
  );
  assert.equal(worstOf(judgeHost(CLEAN_HOST, "bastion")), null);
});

test("every check has a fault of its own, and no id stands twice", () => {
  const ids = CHECKS.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), Object.keys(FAULTS).toSorted());
  for (const { id, means, fix, origin } of CHECKS) assert.ok(means !== "" && fix !== "" && origin !== "", id);
});

for (const [id, changes] of Object.entries(FAULTS))
  test(`one fault flips ${id}, and no other check`, () => {
    for (const [at, change] of changes.entries()) {
      const faulty = judgeHost(change(CLEAN_HOST), "bastion").filter(({ verdict }) => verdict.kind !== "pass");
      assert.deepEqual(
        faulty.map(({ check, verdict }) => [check.id, verdict.kind]),
        [[id, "fail"]],
        `fault ${at + 1}: ${JSON.stringify(faulty.map(({ verdict }) => verdict.said))}`,
      );
    }
  });

test("the settings that the package and harden network write are those that the audit asks for", () => {
  const written = [...settingsOfTheMachine(), ...kernelSettings({ outside: "eth0", inside: ["eth1"] })];
  const sysctls = Object.fromEntries(written.map(({ path, value }) => [path.replaceAll("/", "."), known(value)]));
  assert.deepEqual(flipped({ ...CLEAN_HOST, sysctls }, "fail"), []);
  assert.deepEqual(flipped({ ...CLEAN_HOST, sysctls }, "unknown"), []);
});

test("there is a preset of release policies with which CHG-01 passes, and it asks for both", () => {
  const passing = (Object.keys(PRESETS) as PresetName[]).filter((name) => {
    const last = policyOfPreset(name, ["staging", "production"]).rings.at(-1);
    const signOffs = (last?.signOffs ?? []).reduce((sum, { people }) => sum + people, 0);
    const releases = known([{ source: "clamav", released: true, soak: last?.soak ?? 0, signOffs }]);
    return flipped(product({ releases })(CLEAN_HOST), "fail").length === 0;
  });
  assert.deepEqual(passing, ["two-person"]);
});

test("what nobody could look at is unknown, and never passes", () => {
  const nothing = unknown("nobody looked");
  const blind: HostFacts = {
    ...CLEAN_HOST,
    outside: nothing,
    outsideAddresses: nothing,
    interfaces: nothing,
    processes: nothing,
    listeners: nothing,
    ruleset: nothing,
    sysctls: {},
    exposures: nothing,
    replacedElsewhere: nothing,
    store: {
      ownFileSystem: nothing,
      mountOptions: nothing,
      writableToServers: nothing,
      oddities: nothing,
      key: nothing,
    },
    patch: {
      pending: nothing,
      metadataAt: nothing,
      runtime: nothing,
      dependencies: nothing,
      packages: nothing,
      rebootPending: nothing,
    },
    clockSynchronized: nothing,
    root: nothing,
    product: {
      certificates: nothing,
      storeChecked: nothing,
      auditLog: nothing,
      releases: nothing,
      sources: nothing,
      rehearsedAt: nothing,
      imageRehearsedAt: nothing,
      image: nothing,
    },
  };
  // What is left are those that the configuration alone answers.
  assert.deepEqual(flipped(blind, "pass"), ["NET-12", "NET-13", "LIM-01", "LOG-01"]);
  assert.deepEqual(flipped(blind, "fail"), []);
});

test("what fails counts, whatever else is unknown", () => {
  const clean = CLEAN_HOST.processes;
  const [first, ...rest] = "is" in clean ? clean.is : [];
  assert.ok(first);
  const half = {
    ...CLEAN_HOST,
    processes: known([{ ...first, uid: unknown("gone") }, ...rest.map((each) => ({ ...each, uid: known(0) }))]),
  };
  assert.ok(flipped(half, "fail").includes("PRIV-01"));
});

test("a rule that is not understood makes the outside unknown, not closed", () => {
  const doubtful = filter({
    more: [[OUTSIDE, { match: { op: "==", left: { meta: { key: "mark" } }, right: 1 } }, { accept: null }]],
  });
  assert.deepEqual(flipped(doubtful(CLEAN_HOST), "unknown"), ["NET-04"]);
  assert.deepEqual(flipped({ ...CLEAN_HOST, ruleset: known("no rule set") }, "unknown"), [
    "NET-03",
    "NET-04",
    "NET-05",
  ]);
});

test("a trial of a workstation is not asked for what a server has", () => {
  const asked = judgeHost(CLEAN_HOST, "trial").filter(({ verdict }) => verdict.kind !== "not-applicable");
  assert.ok(asked.length > 10 && asked.length < CHECKS.length / 2 + 5);
  assert.ok(!asked.some(({ check }) => check.id === "NET-04"));
});
