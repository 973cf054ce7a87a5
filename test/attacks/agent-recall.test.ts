import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { after, before, beforeEach, test } from "node:test";
import { type AgentMachine, makeMachine, served } from "../fixtures/agent.ts";
import { runHere } from "../fixtures/agent-run.ts";
import { type AgentVendor, makeAgentVendor, versionContent } from "../fixtures/agent-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";

/** A client that has 2, and whatever would take it down from there. */
const NOW = Date.now();
const DAY = 24 * 60 * 60 * 1_000;
let vendor: AgentVendor;
let mirror: HttpVendor;
let machine: AgentMachine;
const machines: AgentMachine[] = [];

before(async () => {
  mirror = await startHttpVendor();
});
after(async () => {
  await mirror.close();
  for (const one of machines) await one.remove();
});
beforeEach(async () => {
  vendor = makeAgentVendor(NOW);
  machine = await makeMachine({ vendor, hosts: [{ type: "http", address: `${mirror.url}/` }] });
  machines.push(machine);
  for (const sequence of [1, 2]) {
    vendor.publish(sequence, versionContent(sequence));
    show();
    assert.equal((await runHere(machine)).to, sequence);
  }
});

function show(own: ReadonlyMap<string, Uint8Array> = new Map()): void {
  mirror.files.clear();
  for (const [name, file] of served(vendor, "/", own)) mirror.files.set(name, file);
}

async function at(sequence: number): Promise<void> {
  assert.deepEqual(await machine.installed(), { sequence, files: vendor.versions.get(sequence) });
}

test("an older index, rightly signed, takes nobody back without a recall, and says so", async () => {
  vendor.rollBackTo(1);
  show();
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.code], ["nothing-new", "feed.older-than-held"]);
  await at(2);
});

test("nor does it once the installed version is gone: the floor is remembered", async () => {
  vendor.rollBackTo(1);
  show();
  await rm(`${machine.product}/current`);
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.code], ["nothing-new", "feed.older-than-held"]);
});

test("recalls by a stranger's key, with a wrong signature, without one: refused, and updates go on", async () => {
  const wish = [{ serial: 1, from: 2, until: 2, to: 1 }];
  const stranger = vendor.recalls(wish, { by: makeAgentVendor(NOW) });
  const honest = vendor.recalls(wish);
  const [list = ""] = honest.keys();
  const spoiled = new Map([...honest, [list, Buffer.from(`${Buffer.from(honest.get(list) ?? []).toString()} `)]]);
  const unsigned = new Map([[list, honest.get(list) ?? new Uint8Array(0)]]);
  for (const [shown, code] of [
    [stranger, "feed.signer-unknown"],
    [spoiled, "feed.signature-wrong"],
    [unsigned, "feed.unsigned"],
  ] as const) {
    show(shown);
    const run = await runHere(machine);
    assert.deepEqual([run.result, run.recallCodes], ["nothing-new", [code]]);
    await at(2);
  }
});

test("a recall of another channel, product or range moves nothing", async () => {
  const other = { product: "Example AV Definitions", version: "9.9", language: "SymAllLanguages" };
  show(
    vendor.recalls([
      { serial: 1, channel: "staging", from: 2, until: 2, to: 1 },
      { serial: 2, product: other, from: 2, until: 2, to: 1 },
      { serial: 3, from: 3, until: 9, to: 1 },
    ]),
  );
  assert.equal((await runHere(machine)).result, "nothing-new");
  await at(2);
});

test("a recall that leads forward, or to itself, is none", async () => {
  for (const to of [2, 3]) {
    show(vendor.recalls([{ from: 2, until: 2, to }]));
    assert.deepEqual((await runHere(machine)).recallCodes, ["feed.malformed"]);
  }
  show(vendor.recalls([{ from: 2, until: 2, to: 1 }], { issuedAt: NOW + 3 * DAY }));
  assert.deepEqual((await runHere(machine)).recallCodes, ["feed.from-the-future"]);
  await at(2);
});

test("a replayed recall is obeyed once: it takes back nobody who went on since", async () => {
  const first = vendor.recalls([{ serial: 1, from: 2, until: 2, to: 1 }]);
  show(first);
  assert.equal((await runHere(machine)).result, "back");
  await at(1);
  vendor.publish(3, versionContent(3));
  show(first);
  assert.equal((await runHere(machine)).to, 3);
  // The same serial over another range: a key that signs so is wrong, and the serial is spent.
  show(vendor.recalls([{ serial: 1, from: 3, until: 3, to: 1 }], { issuedAt: NOW + 1_000 }));
  assert.equal((await runHere(machine)).result, "nothing-new");
  await at(3);
  // The old list hides what the newer one may have said.
  show(first);
  assert.deepEqual((await runHere(machine)).recallCodes, ["feed.older-than-held"]);
});

test("a mirror that hides the recall after it was seen changes nothing; who cannot go back tries again", async () => {
  await rm(`${machine.product}/versions/1`, { recursive: true });
  vendor.packages.length = 0;
  vendor.publish(2, versionContent(2));
  show(vendor.recalls([{ from: 2, until: 2, to: 1 }]));
  assert.equal((await runHere(machine)).code, "install.nothing-to-go-back-to");
  await at(2);
  vendor.publish(1, versionContent(1));
  show();
  const run = await runHere(machine);
  assert.deepEqual([run.result, run.from, run.to], ["back", 2, 1]);
  await at(1);
});

test("a kept version that was changed meanwhile is not gone back to: the channel's is taken", async () => {
  await writeFile(`${machine.product}/versions/1/part1.dat`, "changed");
  show(vendor.recalls([{ from: 2, until: 2, to: 1 }]));
  assert.equal((await runHere(machine)).result, "back");
  await at(1);
});
