import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, before, beforeEach, test } from "node:test";
import { agentConfig } from "../../src/client/agent-config.ts";
import { type AgentMachine, type MachineOptions, makeMachine } from "../fixtures/agent.ts";
import { runHere } from "../fixtures/agent-run.ts";
import { makeAgentVendor } from "../fixtures/agent-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { modernTrust } from "../upstream/liveupdate/pki.ts";
import { LiveupdateVendor } from "../upstream/liveupdate-vendor.ts";

/** What stands behind a good transport: signers, indexes and packages that are not what they should be. */
const PRODUCT = "definitions";
const { recallKey } = makeAgentVendor();
let vendor: LiveupdateVendor;
let mirror: HttpVendor;
const machines: AgentMachine[] = [];

before(async () => {
  mirror = await startHttpVendor();
});
beforeEach(() => {
  vendor = new LiveupdateVendor({ products: [PRODUCT, "definitions-2"] });
  mirror.files.clear();
  mirror.requests.length = 0;
  vendor.attach(mirror.files, "/liveupdate/");
});
after(async () => {
  await mirror.close();
  for (const machine of machines) await machine.remove();
});

async function machineFor(options: Partial<MachineOptions> = {}): Promise<AgentMachine> {
  const hosts = [{ type: "http" as const, address: `${mirror.url}/` }];
  const machine = await makeMachine({ vendor: { trust: vendor.trust(), recallKey }, hosts, ...options });
  machines.push(machine);
  return machine;
}

async function refused(machine: AgentMachine): Promise<string | null> {
  const run = await runHere(machine);
  assert.equal(run.result, "failed");
  assert.equal(await machine.installed(), null);
  return run.code;
}

test("a faithful vendor's newest version is installed, file by file", async () => {
  const machine = await machineFor();
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.to], ["updated", vendor.sequence(PRODUCT)], run.detail);
  vendor.advance();
  assert.deepEqual([(await runHere(machine)).to], [vendor.sequence(PRODUCT)]);
  const names = [...((await machine.installed())?.files.keys() ?? [])].toSorted();
  assert.deepEqual(
    names,
    vendor
      .installed(PRODUCT)
      .map(({ name }) => name)
      .toSorted(),
  );
});

test("signers: a rogue under the same root, an expired one, nobody at all", async () => {
  const machine = await machineFor();
  const { rogue, expired } = vendor.pki;
  vendor.forge(PRODUCT, { manner: { signer: rogue } });
  assert.equal(await refused(machine), "feed.signer-unknown");
  vendor.forge(PRODUCT, { sign: () => Buffer.from("none") });
  assert.equal(await refused(machine), "feed.signature-wrong");
  vendor.forge(PRODUCT, { manner: { signer: expired } });
  const pinned = await machineFor({ vendor: { trust: modernTrust(vendor.pki, expired), recallKey } });
  assert.equal(await refused(pinned), "feed.signature-expired");
});

test("another product's index under this one's name, and a text that its guard does not cover", async () => {
  const machine = await machineFor();
  vendor.put(vendor.indexPath(PRODUCT), vendor.index("definitions-2"));
  assert.equal(await refused(machine), "feed.contradicts-itself");
  vendor.forge(PRODUCT, { container: (bytes) => Buffer.concat([bytes, Buffer.from("more")]) });
  assert.equal(await refused(machine), "feed.malformed");
  vendor.forge(PRODUCT, { manner: { digests: ["sha1"] } });
  assert.equal(await refused(machine), "feed.digest-weak");
});

test("an index from the future is not believed", async () => {
  const machine = await machineFor();
  vendor.advance(36);
  const run = await runHere(machine, () => Date.now() - 3 * 24 * 60 * 60 * 1_000);
  assert.deepEqual([run.result, run.code], ["failed", "feed.from-the-future"]);
});

test("a package signed by a rogue, with a member beyond its guard, with names that climb out", async () => {
  const machine = await machineFor();
  vendor.forgePackage(PRODUCT, { manner: { signer: vendor.pki.rogue } });
  assert.equal(await refused(machine), "artifact.signer-unknown");
  const extra = { name: "extra.dll", bytes: Buffer.from("MZ") };
  vendor.forgePackage(PRODUCT, { members: (members) => [...members, extra] });
  assert.equal(await refused(machine), "artifact.contradicts-itself");
  for (const name of ["../../escaped", "/tmp/escaped", "a/../../../escaped", "..\\escaped", "C:\\escaped"]) {
    vendor.forgePackage(PRODUCT, { members: (members) => [...members, { ...extra, name }] });
    assert.equal(await refused(machine), "artifact.malformed", name);
  }
  assert.deepEqual((await readdir(machine.folder)).toSorted(), ["agent.json", "host.json", "product", "state"]);
  assert.deepEqual(await readdir(machine.product), ["versions"]);
});

test("a bomb is not unpacked past the cap", async () => {
  const machine = await machineFor({ config: { limits: { expandedBytes: "1 MB" } } });
  const bomb = [{ name: "bomb.dat", bytes: Buffer.alloc(8_000_000) }];
  vendor.forgePackage(PRODUCT, {}, bomb);
  assert.equal(await refused(machine), "artifact.expands-too-far");
});

test("a link in the place of `current` or of a download leads nowhere", async () => {
  const machine = await machineFor();
  const outside = path.join(machine.folder, "outside");
  await mkdir(outside);
  await symlink(outside, path.join(machine.product, "current"));
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.code], ["failed", "store.damaged"]);
  assert.deepEqual(await readdir(outside), []);
});

test("a declared command gets the file and its own environment; scripts and programs of a package are never run", async () => {
  const vendorScript = { name: "install.sh", bytes: Buffer.from("#!/bin/sh\ntouch ran\n") };
  vendor.forgePackage(PRODUCT, {}, [vendorScript, { name: "setup.dis", bytes: Buffer.from("RUN install.sh") }]);
  const machine = await machineFor();
  const script = path.join(machine.folder, "apply.mjs");
  const log = path.join(machine.folder, "log.json");
  await writeFile(
    script,
    `import { readFileSync, writeFileSync } from "node:fs";
     writeFileSync(${JSON.stringify(log)}, JSON.stringify({ argv: process.argv.slice(2), env: process.env, bytes: readFileSync(process.argv[2]).length }));`,
  );
  const install = {
    way: "command",
    argv: [process.execPath, script, "{file}", "{sequence}", "{from}", "$(id)"],
    env: { CHOSEN: "yes" },
  };
  const config = JSON.parse(await readFile(machine.configFile, "utf8"));
  config.products[0].install = install;
  await writeFile(machine.configFile, JSON.stringify(config));
  const run = await runHere(machine);
  const sequence = `${vendor.sequence(PRODUCT)}`;
  assert.deepEqual([run.result, run.commands.length], ["updated", 1], run.detail);
  const seen = JSON.parse(await readFile(log, "utf8"));
  assert.deepEqual(seen.argv.slice(1), [sequence, "", "$(id)"]);
  assert.deepEqual(Object.keys(seen.env).toSorted(), ["CHOSEN", "RINGFORT_FILE", "RINGFORT_FROM", "RINGFORT_SEQUENCE"]);
  assert.equal(seen.bytes, vendor.files.get(path.basename(seen.argv[0]).replace(/^\d+-/, ""))?.length);
  assert.equal((await runHere(machine)).result, "nothing-new");
});

test("a command that fails or does not end leaves the old version's number, and is tried again", async () => {
  const machine = await machineFor();
  const config = JSON.parse(await readFile(machine.configFile, "utf8"));
  for (const [code, extra, wanted] of [
    ["process.stderr.write('no space'); process.exit(3)", {}, "install.command-failed"],
    [
      "setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0))",
      { timeLimit: "300ms" },
      "install.command-timeout",
    ],
  ] as const) {
    config.products[0].install = { way: "command", argv: [process.execPath, "-e", code, "{file}"], ...extra };
    await writeFile(machine.configFile, JSON.stringify(config));
    const asked = mirror.requests.length;
    const run = await runHere(machine);
    assert.deepEqual([run.result, run.code, run.to, run.hostCodes.length], ["failed", wanted, null, 1]);
    assert.ok(mirror.requests.length > asked);
  }
  // What was verified before is not fetched again.
  const packages = mirror.requests.filter(({ path: asked }) => /\/\d{10}/.test(asked));
  assert.equal(packages.length, 1);
});

test("a program that lies where downloads land is no install command", () => {
  const product = { product: "P", version: "1" };
  const attempt = (argv: readonly string[]): boolean =>
    agentConfig.safeParse({
      hostFile: "/etc/host.json",
      state: "/var/lib/agent",
      products: [
        { ...product, install: { way: "command", argv } },
        { ...product, version: "2", install: { way: "swap", folder: "/opt/product" } },
      ],
    }).success;
  assert.equal(attempt(["/usr/bin/apply", "{file}"]), true);
  for (const program of [
    "/var/lib/agent/downloads/x",
    "/opt/product/current/setup",
    "/usr/../opt/product/x",
    "apply",
    "{file}",
  ])
    assert.equal(attempt([program]), false, program);
});
