import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { needs, needsProgram } from "../../../test/fixtures/needs.ts";
import { type ConfigInput, config } from "../config.ts";
import { compareRules, compareSettings } from "./compare-network.ts";
import { firewallRequests } from "./firewall-requests.ts";
import { kernelSettings, writeSysctl } from "./kernel-settings.ts";
import { type NetworkPlan, planNetwork, type SourceRoute } from "./network-plan.ts";
import { writeRuleSet } from "./write-rule-set.ts";

const HOST = { outside: "eth0", inside: "eth1.20", user: 990 } as const;
const FULL: ConfigInput = {
  data: "/srv/ringfort",
  host: {
    ...HOST,
    resolvers: ["10.0.0.53"],
    timeServers: ["fd00::123"],
    admins: ["10.20.9.0/24"],
    egress: [{ user: 42, ports: [80] }],
  },
  channels: {
    staging: {
      listen: "10.20.0.10:80",
      allow: ["10.20.1.0/24", "10.20.1.128/25", "fd20::1:0/112"],
      ftp: { listen: "10.20.0.10:21", passive: { from: 50_000, to: 50_007 }, active: true, allow: ["10.20.1.7"] },
    },
    production: { listen: "[fd20::20]:80", interface: "eth2", https: { listen: "10.20.0.20:443", folder: "/etc/tls" } },
    trial: { listen: "127.0.0.1:8080" },
  },
  console: { listen: "10.20.0.1:8443", tls: { folder: "/etc/tls" } },
  notify: { ops: { mail: { server: "smtp://mail.example:587", from: "a@b.example", to: ["c@d.example"] } } },
};
const SOURCES: readonly SourceRoute[] = [
  { name: "clamav", addresses: ["https://database.clamav.net/", "http://mirror.example:8080/x"], proxy: null },
  { name: "old", addresses: ["ftp://192.0.2.7/pub/", "ftp://vendor.example/"], proxy: null },
  { name: "behind", addresses: ["http://vendor.example/"], proxy: "http://[fd00::99]:3128" },
  { name: "share", addresses: ["file:///mnt/vendor/"], proxy: null },
];

function planned(input: ConfigInput, sources: readonly SourceRoute[] = SOURCES): NetworkPlan {
  const plan = planNetwork(config.parse(input), sources);
  assert.ok(!("kind" in plan), JSON.stringify(plan));
  return plan;
}

function faultsOf(input: ConfigInput, sources: readonly SourceRoute[] = []): readonly string[] {
  const plan = planNetwork(config.parse(input), sources);
  assert.ok("kind" in plan, "it was enough");
  return plan.faults.map((fault) => fault.split(":", 1)[0] ?? "");
}

test("the same plan gives the same three texts, and they are these (UPDATE_GOLDEN=1 writes them anew)", () => {
  const plan = planned(FULL);
  const text = [
    writeRuleSet(plan),
    writeSysctl(kernelSettings(plan)),
    firewallRequests(plan)
      .map((each) => `${JSON.stringify(each)}\n`)
      .join(""),
  ].join("--------\n");
  const file = new URL("../../../test/e2e/golden/harden-network.txt", import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"));
});

test("there is no limit for all clients together, and nothing is accepted from outside but answers", () => {
  const rules = writeRuleSet(planned(FULL));
  const limits = rules.split("\n").filter((line) => /limit rate|ct count|\bmeter\b/.test(line));
  assert.equal(limits.length, 2);
  for (const line of limits) assert.match(line, /add @share[46] \{ ip6? saddr/);
  const input = rules.slice(rules.indexOf("chain input"), rules.indexOf("chain share"));
  const before = input.slice(0, input.indexOf('iifname "eth0" drop'));
  for (const line of before.split("\n").filter((each) => each.endsWith("accept")))
    assert.match(line, /"lo"|ct direction reply|ct state related|nd-neighbor|mld-listener-query/);
});

test("what a filter cannot do without is asked for by its key", () => {
  const listen = "10.20.0.10:80";
  assert.deepEqual(faultsOf({ data: "x", channels: { staging: { listen } } }), [
    "host.outside",
    "channels.staging.interface, or host.inside",
  ]);
  const ftp = { listen: "10.20.0.10:21" };
  assert.deepEqual(
    faultsOf({ data: "x", host: HOST, channels: { staging: { listen: "0.0.0.0:80", ftp } } }),
    ["channels.staging.ftp.passive", "channels.staging.listen"].toSorted((a, b) =>
      a.endsWith("listen") ? -1 : b.endsWith("listen") ? 1 : 0,
    ),
  );
  assert.deepEqual(faultsOf({ data: "x", host: HOST, channels: { staging: { listen, interface: "eth0" } } }), [
    "host.outside",
  ]);
  assert.deepEqual(faultsOf({ data: "x", host: HOST, channels: { staging: { listen: "10.20.0.10:0" } } }), [
    "channels.staging.listen",
  ]);
  const odd = [{ name: "odd", addresses: ["http://vendor.example:0/"], proxy: null }];
  assert.deepEqual(faultsOf({ data: "x", host: HOST, channels: { staging: { listen } } }, odd), ["source odd"]);
});

test("a listener on what is no address never becomes a rule", () => {
  for (const listen of ["999.1.1.1:80", "[::g]:80", "1.2.3:80"]) {
    const parsed = config.safeParse({ data: "x", host: HOST, channels: { staging: { listen } } });
    if (parsed.success) assert.ok("kind" in planNetwork(parsed.data, []), listen);
  }
});

test("a channel whose clients are all of one version of IP has no rule for the other", () => {
  const channels = { staging: { listen: "[fd20::10]:80", allow: ["10.20.1.0/24"] } };
  assert.doesNotMatch(writeRuleSet(planned({ data: "x", host: HOST, channels }, [])), /fd20::10/);
});

test("every place is compared, in both directions and in order; what changes by itself is not", () => {
  const rule = (chain: string, expr: string, more: object = {}) => ({ rule: { chain, expr: [expr], ...more } });
  const listed = (...nftables: readonly object[]) => ({ nftables });
  const set = (elem: readonly string[]) => ({ set: { name: "share4", timeout: 60, elem } });
  const wanted = listed(set([]), rule("input", "a"), rule("input", "b"));
  const found = listed(set(["10.0.0.1"]), rule("input", "a", { handle: 7 }), rule("input", "b", { handle: 9 }));
  assert.deepEqual(compareRules(wanted, found), []);
  const kinds = (other: unknown) => compareRules(wanted, other).map(({ what }) => what);
  assert.deepEqual(kinds(listed(set([]), rule("input", "b"), rule("input", "a"))), ["rule-order"]);
  assert.deepEqual(kinds(listed(set([]), rule("input", "a"))), ["rule-missing"]);
  assert.deepEqual(kinds(listed(set([]), rule("input", "a"), rule("input", "b"), rule("x", "c"))), ["rule-unexpected"]);
  assert.deepEqual(kinds(null), ["rule-missing", "rule-missing", "rule-missing"]);
  const read = new Map([
    ["a", "1"],
    ["b", null],
  ]);
  const settings = ["a", "b", "c"].map((path) => ({ path, value: "1" }));
  assert.deepEqual(
    compareSettings(settings, read).map(({ where }) => where),
    ["b", "c"],
  );
});

test("where each role has a user of its own those that connect are let out, and the daemon's is not", () => {
  const users = { ...FULL, confinement: { least: "users" } } as const;
  const egress = planned({ ...users, host: { ...HOST, user: "ringfort" } }).egress;
  const of = (name: string) => egress.filter((each) => each.name === name).map(({ user }) => user);
  assert.deepEqual([...new Set(of("source clamav"))], ["ringfort-fetch"]);
  assert.deepEqual(of("notices ops"), ["ringfort-notify"]);
  assert.deepEqual(new Set(of("names")), new Set(["ringfort-fetch", "ringfort-notify", "ringfort-login"]));
  assert.equal(
    egress.some(({ user }) => user === "ringfort"),
    false,
  );
  // Who names a user means that one.
  assert.ok(planned({ ...users, host: HOST }).egress.some(({ user }) => user === 990));
});

test("nft takes the rules, with a user's number and with the table there already", {
  skip: needs(needsProgram("nft", "nftables"), needsProgram("unshare", "util-linux")),
}, (context) => {
  const rules = writeRuleSet(planned(FULL));
  const user = process.getuid?.() === 0 ? "-n" : "-Urn";
  if (spawnSync("unshare", [user, "true"]).status !== 0) return context.skip("needs network namespaces");
  const { status, stderr } = spawnSync(
    "unshare",
    [user, "sh", "-ec", 'printf %s "$R" | nft -c -f -; printf %s "$R" | nft -f -; printf %s "$R" | nft -f -'],
    {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", R: rules },
      encoding: "utf8",
    },
  );
  assert.equal(status, 0, stderr);
});
