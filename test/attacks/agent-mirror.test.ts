import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { after, before, beforeEach, test } from "node:test";
import { RECALL_FILE, RECALL_MOUNT } from "../../src/core/model/recall.ts";
import { type AgentMachine, type MachineOptions, makeMachine, served } from "../fixtures/agent.ts";
import { runHere } from "../fixtures/agent-run.ts";
import { type AgentVendor, makeAgentVendor, versionContent } from "../fixtures/agent-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { noise } from "../upstream/liveupdate/parts.ts";

/** A spoofed mirror: it can answer anything, and has no key. */
const MEGABYTE = 1_000_000;
let vendor: AgentVendor;
let mirror: HttpVendor;
let packagePath: string;
const machines: AgentMachine[] = [];

before(async () => {
  mirror = await startHttpVendor();
});
beforeEach(() => {
  vendor = makeAgentVendor();
  vendor.publish(100, versionContent(100, 6, 50_000));
  mirror.faults.clear();
  mirror.requests.length = 0;
  show();
  packagePath = `/liveupdate/${vendor.packages[0]?.file}`;
});
after(async () => {
  await mirror.close();
  for (const machine of machines) await machine.remove();
});

function show(own: ReadonlyMap<string, Uint8Array> = new Map()): void {
  mirror.files.clear();
  for (const [name, file] of served(vendor, "/", own)) mirror.files.set(name, file);
}

async function machineFor(options: Partial<MachineOptions> = {}): Promise<AgentMachine> {
  const machine = await makeMachine({ vendor, hosts: [{ type: "http", address: `${mirror.url}/` }], ...options });
  machines.push(machine);
  return machine;
}

for (const announced of [true, false]) {
  const how = announced ? "announced" : "never ending";
  test(`an endless package, ${how}, stops at the size that the index names`, async () => {
    const machine = await machineFor();
    mirror.faults.set(packagePath, { kind: "endless", announced });
    const { result, code } = await runHere(machine);
    assert.deepEqual([result, code], ["failed", "upstream.over-cap"]);
    assert.ok((await machine.diskBytes()) < 0.1 * MEGABYTE, "no byte of it stays");
    assert.equal(await machine.installed(), null);
  });

  test(`endless small files, ${how}: flag, index, recall list`, async () => {
    const places = ["/liveupdate/minitri.flg", `/liveupdate/${vendor.indexPath}`, `${RECALL_MOUNT}${RECALL_FILE}`];
    for (const place of places) {
      mirror.faults.clear();
      mirror.faults.set(place, { kind: "endless", announced });
      const machine = await machineFor();
      const run = await runHere(machine);
      // What a recall list cannot say must not keep updates away.
      if (place.startsWith(RECALL_MOUNT))
        assert.deepEqual([run.result, run.recallCodes], ["updated", ["upstream.over-cap"]]);
      else assert.deepEqual([run.result, run.code], ["failed", "upstream.over-cap"], place);
    }
  });
}

test("without a listed size the budget for a package is the cap", async () => {
  const [first] = vendor.packages;
  if (first === undefined) throw new Error("no package");
  vendor.packages[0] = { ...first, size: null };
  vendor.sign();
  show();
  const machine = await machineFor({ config: { limits: { packageBytes: "200 KB" } } });
  mirror.faults.set(packagePath, { kind: "endless", announced: false });
  assert.equal((await runHere(machine)).code, "upstream.over-cap");
  mirror.faults.clear();
  const tight = await machineFor({ config: { limits: { packageBytes: "1 KB" } } });
  assert.equal((await runHere(tight)).code, "upstream.over-cap");
  assert.equal((await runHere(machine)).result, "updated");
});

test("a listed size above the budgets is not begun, and nothing is asked of the next mirror", async () => {
  for (const [limits, code] of [
    [{ packageBytes: "1 KB" }, "budget.artifact-bytes"],
    [{ runBytes: `${(vendor.files.get(vendor.indexPath)?.length ?? 0) + 200} B` }, "budget.total-bytes"],
    [{ freeDisk: "4000 TB" }, "budget.free-disk"],
  ] as const) {
    const hosts = [1, 2].map(() => ({ type: "http" as const, address: `${mirror.url}/` }));
    const machine = await machineFor({ hosts, config: { limits } });
    mirror.requests.length = 0;
    const run = await runHere(machine);
    assert.deepEqual([run.result, run.code, run.hostCodes.length], ["failed", code, 1]);
    assert.ok(!mirror.requests.some(({ path }) => path === packagePath), code);
  }
});

test("a length that lies: another than the index names is refused before its bytes", async () => {
  const machine = await machineFor();
  mirror.faults.set(packagePath, { kind: "lying-length", says: 10 });
  assert.equal((await runHere(machine)).code, "artifact.size-differs");
  assert.equal(await machine.installed(), null);
});

test("other bytes of the same length are refused, also as the rest of an interrupted download", async () => {
  const machine = await machineFor();
  const honest = mirror.files.get(packagePath);
  assert.ok(honest?.body instanceof Uint8Array);
  const forged = Uint8Array.from(honest.body);
  forged[forged.length - 5] = (forged.at(-5) ?? 0) ^ 1;
  mirror.files.set(packagePath, { ...honest, body: forged });
  assert.equal((await runHere(machine)).code, "artifact.digest-differs");
  mirror.faults.set(packagePath, { kind: "cut", after: 300, times: 1 });
  assert.equal((await runHere(machine)).code, "upstream.cut-off");
  assert.equal((await runHere(machine)).code, "artifact.digest-differs");
  assert.equal(await machine.installed(), null);
});

test("a download that is cut off goes on where it stopped", async () => {
  const machine = await machineFor();
  mirror.faults.set(packagePath, { kind: "cut", after: 400, times: 1 });
  assert.equal((await runHere(machine)).code, "upstream.cut-off");
  assert.equal((await runHere(machine)).result, "updated");
  const ranges = mirror.requests.filter(({ path }) => path === packagePath).map(({ headers }) => headers["range"]);
  assert.deepEqual(ranges, [undefined, "bytes=400-"]);
});

test("a redirect is not followed", async () => {
  const machine = await machineFor();
  mirror.faults.set(packagePath, { kind: "redirect", to: "http://127.0.0.1:1/elsewhere" });
  assert.match((await runHere(machine)).code ?? "", /^upstream\.redirect/);
});

test("behind a spoofed mirror the next one is asked", async () => {
  const honest = await startHttpVendor({ files: new Map(mirror.files) });
  mirror.faults.set(packagePath, { kind: "endless", announced: false });
  const hosts = [mirror, honest].map(({ url }) => ({ type: "http" as const, address: `${url}/` }));
  const machine = await machineFor({ hosts });
  try {
    const run = await runHere(machine);
    assert.deepEqual([run.result, run.host, run.hostCodes], ["updated", "mirror 2", ["upstream.over-cap"]]);
  } finally {
    await honest.close();
  }
});

test("no more bytes a second than the configuration allows", async () => {
  vendor.publish(101, [{ name: "noise.dat", bytes: noise("pace", 100_000) }]);
  show();
  const machine = await machineFor({ config: { limits: { bytesPerSecond: "200 KB" } } });
  const began = performance.now();
  assert.equal((await runHere(machine)).result, "updated");
  assert.ok(performance.now() - began > 400, "half a second for 100 KB");
});

test("a damaged version is not what a delta is laid over: the full package is taken", async () => {
  const machine = await machineFor();
  await runHere(machine);
  vendor.publish(101, versionContent(101, 6, 50_000), [100]);
  show();
  await writeFile(`${machine.product}/versions/100/part1.dat`, "damaged");
  mirror.requests.length = 0;
  assert.equal((await runHere(machine)).to, 101);
  assert.ok(!mirror.requests.some(({ path }) => path.includes("_from_")));
  assert.deepEqual(await machine.installed(), { sequence: 101, files: vendor.versions.get(101) });
});

test("a link that leads to no version is nothing installed: the same sequence is taken again, an older one is not", async () => {
  const machine = await machineFor();
  await runHere(machine);
  await rm(`${machine.product}/versions/100`, { recursive: true });
  assert.equal((await runHere(machine)).result, "updated");
  assert.deepEqual(await machine.installed(), { sequence: 100, files: vendor.versions.get(100) });
});

test("what is wrong with this machine's disk is asked of no other mirror; with one mirror's login, it is", async () => {
  const address = `${mirror.url}/`;
  const hosts = [1, 2].map(() => ({ type: "http" as const, address }));
  const machine = await machineFor({ hosts });
  await mkdir(machine.state, { recursive: true });
  await writeFile(`${machine.state}/downloads`, "a file in the folder's place");
  const run = await runHere(machine);
  assert.deepEqual([run.code, run.hostCodes], ["store.io", ["store.io"]]);
  const [first, second] = hosts;
  assert.ok(first !== undefined && second !== undefined);
  const lacking = await machineFor({ hosts: [{ ...first, login: "reader", passwordFile: "/nowhere/secret" }, second] });
  const other = await runHere(lacking);
  assert.deepEqual([other.result, other.host, other.hostCodes], ["updated", "mirror 2", ["config.unreadable"]]);
});

test("a mirror that does not answer is waited for once a run, not once a product", async () => {
  const hosts = ["http://127.0.0.1:9/", `${mirror.url}/`].map((address) => ({ type: "http" as const, address }));
  const machine = await machineFor({ hosts });
  const config = JSON.parse(await readFile(machine.configFile, "utf8"));
  const [one] = config.products;
  config.products = ["1.0", "1.1", "1.2"].map((version) => ({
    ...one,
    version,
    install: { way: "swap", folder: `${machine.folder}/product-${version}` },
  }));
  await writeFile(machine.configFile, JSON.stringify(config));
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.hostCodes], ["updated", ["upstream.unreachable"]]);
});
