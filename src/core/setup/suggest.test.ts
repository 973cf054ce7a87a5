import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf, readAnswer, SETTINGS, type SettingName } from "./settings.ts";
import { type Answers, type Machine, suggest } from "./suggest.ts";

const interfaceOf = (name: string, addresses: readonly string[], hasDefaultRoute = false) => ({
  name,
  addresses,
  hasDefaultRoute,
});

/** What is offered from the first question to the last, when everything is taken as it is offered. */
function offered(machine: Machine): Readonly<Record<string, string>> {
  const answers: Answers = {};
  const said: Record<string, string> = {};
  for (const setting of SETTINGS) {
    const text = suggest(setting.name, answers, machine);
    const read = readAnswer(setting, text);
    assert.equal(read.kind, "value", `${setting.name}: ${text} is no answer`);
    answers[setting.name] = read.kind === "value" ? read.value : null;
    said[setting.name] = text;
  }
  return said;
}

test("a host with two sides is offered its own: the way to everywhere is outside, the other inside", () => {
  const machine = {
    interfaces: [
      interfaceOf("eth0", ["192.0.2.7/24"], true),
      interfaceOf("eth1", ["fe80::1/64", "10.20.37.10/19", "10.20.37.20/19"]),
    ],
    resolvers: ["127.0.0.53", "10.0.0.53", "::1"],
  };
  assert.deepEqual(offered(machine), {
    outside: "eth0",
    inside: "eth1",
    stagingAddress: "10.20.37.10:80",
    productionAddress: "10.20.37.20:80",
    stagingClients: "10.20.32.0/19",
    productionClients: "10.20.32.0/19",
    admins: "none",
    resolvers: "10.0.0.53",
  });
});

test("one address serves both channels on two ports; no interface at all, on the loopback", () => {
  const one = offered({ interfaces: [interfaceOf("ens3", ["fd20::7/64"], true)], resolvers: [] });
  assert.deepEqual(
    [one["outside"], one["inside"], one["stagingAddress"], one["productionAddress"], one["stagingClients"]],
    ["none", "ens3", "[fd20::7]:8081", "[fd20::7]:80", "none"],
  );
  const none = offered({ interfaces: [], resolvers: [] });
  assert.deepEqual([none["inside"], none["stagingAddress"]], ["none", "127.0.0.1:8081"]);
});

test("an answer is what the configuration's schema takes, and none only where a key may be left out", () => {
  const read = (name: SettingName, text: string): unknown => {
    const setting = SETTINGS.find((each) => each.name === name);
    assert.ok(setting !== undefined);
    const answer = readAnswer(setting, text);
    return answer.kind === "value" ? answer.value : "fault";
  };
  assert.deepEqual(read("stagingClients", " 10.20.1.0/24, fd20::/64  10.20.2.7 "), [
    "10.20.1.0/24",
    "fd20::/64",
    "10.20.2.7",
  ]);
  assert.equal(read("stagingClients", "none"), null);
  assert.equal(read("inside", "none"), null);
  for (const [name, text] of [
    ["stagingAddress", "none"],
    ["stagingAddress", "mirror.example:80"],
    ["productionAddress", "10.20.0.10:70000"],
    ["stagingClients", ""],
    ["resolvers", "10.0.0.0/8"],
    ["inside", "eth0; reboot"],
    ["inside", "an-interface-of-more-than-fifteen"],
  ] as const)
    assert.equal(read(name, text), "fault", `${name}: ${text}`);
});

test("a whole configuration is judged as sockets too, and as a packet filter once it has two sides", () => {
  const channels = { staging: { listen: "10.20.0.10:80" }, production: { listen: "10.20.0.20:0" } };
  const keys = (written: unknown): readonly string[] => faultsOf(written).map((fault) => fault.split(":")[0] ?? "");
  assert.deepEqual(keys({ data: "/d", channels }), ["channels.production.listen"]);
  const sided = { data: "/d", channels: { staging: channels.staging }, host: { outside: "eth0" } };
  assert.deepEqual(keys(sided), ["channels.staging.interface, or host.inside"]);
  assert.deepEqual(keys({ ...sided, host: { outside: "eth0", inside: "eth1" } }), []);
  assert.deepEqual(keys({ channels }), ["data"]);
});
