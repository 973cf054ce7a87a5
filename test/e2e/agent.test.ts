import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";
import { type AgentMachine, makeMachine, served } from "../fixtures/agent.ts";
import { makeAgentVendor, versionContent } from "../fixtures/agent-vendor.ts";
import { startFtpVendor } from "../upstream/ftp-vendor.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";

const machines: AgentMachine[] = [];
after(async () => {
  for (const machine of machines) await machine.remove();
});

async function machineFor(options: Parameters<typeof makeMachine>[0]): Promise<AgentMachine> {
  const machine = await makeMachine(options);
  machines.push(machine);
  return machine;
}

test("a client installs, has nothing new, takes a delta, keeps the version before", async () => {
  const vendor = makeAgentVendor();
  vendor.publish(100, versionContent(100));
  const mirror = await startHttpVendor({ files: served(vendor, "/") });
  const machine = await machineFor({ vendor, hosts: [{ type: "http", address: `${mirror.url}/` }] });
  try {
    const check = await machine.result("--check");
    assert.deepEqual([check.code, check.result.result, check.result.to], [0, "updated", 100]);
    assert.equal(await machine.installed(), null);

    const first = await machine.result();
    assert.deepEqual([first.code, first.result.result, first.result.from, first.result.to], [0, "updated", null, 100]);
    assert.deepEqual((await machine.installed())?.files, vendor.versions.get(100));

    const again = await machine.result();
    assert.deepEqual([again.code, again.result.result], [1, "nothing-new"]);

    vendor.publish(101, versionContent(101), [100]);
    for (const [name, file] of served(vendor, "/")) mirror.files.set(name, file);
    mirror.requests.length = 0;
    const next = await machine.result();
    assert.deepEqual([next.code, next.result.from, next.result.to], [0, 100, 101]);
    assert.deepEqual(await machine.installed(), { sequence: 101, files: vendor.versions.get(101) });
    // A delta is laid over hard links: what it replaces must not have been written into.
    const kept = [...(vendor.versions.get(100) ?? [])];
    for (const [name, digest] of kept) {
      const bytes = await readFile(path.join(machine.product, "versions/100", name));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), digest, name);
    }
    const asked = mirror.requests.map(({ path: asked }) => asked);
    assert.ok(
      asked.some((name) => name.includes("_from_100")),
      asked.join(),
    );
    assert.ok(
      asked.some((name) => /\/\.ringfort\/report\?.*from=100&to=101&result=ok/.test(name)),
      asked.join(),
    );
  } finally {
    await mirror.close();
  }
});

test("HTTP fails, then FTP, then the share answers", async () => {
  const vendor = makeAgentVendor();
  vendor.publish(7, versionContent(7));
  const http = await startHttpVendor({ files: served(vendor, "/") });
  const ftp = await startFtpVendor({ files: served(vendor, "") as never });
  const share = await machineFor({ vendor, hosts: [] });
  for (const [name, bytes] of vendor.files) {
    const file = path.join(share.folder, "share", "liveupdate", name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  const hosts = [
    { type: "share", address: `${path.join(share.folder, "share")}/` },
    { type: "ftp", address: `${ftp.url}/` },
    { type: "http", address: `${http.url}/` },
  ] as const;
  try {
    const used: (string | null)[] = [];
    const take = async (): Promise<void> => {
      const machine = await machineFor({ vendor, hosts });
      const { code, result } = await machine.result();
      assert.equal(code, 0, JSON.stringify(result));
      assert.deepEqual((await machine.installed())?.files, vendor.versions.get(7));
      used.push(result.host);
    };
    await take();
    http.faults.set("*", { kind: "drop" });
    await take();
    assert.ok(ftp.commands.some((command) => command.startsWith("EPSV") || command.startsWith("PASV")));
    await ftp.close();
    await take();
    assert.deepEqual(used, ["mirror 3", "mirror 2", "mirror 1"]);
  } finally {
    await http.close();
  }
});

test("a signed recall takes a client back, once, and to nothing of the recalled range again", async () => {
  const vendor = makeAgentVendor();
  vendor.publish(1, versionContent(1));
  const mirror = await startHttpVendor({ files: served(vendor, "/") });
  const machine = await machineFor({ vendor, hosts: [{ type: "http", address: `${mirror.url}/` }] });
  const show = (own: ReadonlyMap<string, Uint8Array> = new Map()): void => {
    mirror.files.clear();
    for (const [name, file] of served(vendor, "/", own)) mirror.files.set(name, file);
  };
  try {
    await machine.result();
    vendor.publish(2, versionContent(2), [1]);
    show();
    await machine.result();
    const recall = vendor.recalls([{ serial: 4, from: 2, until: 2, to: 1 }]);
    show(recall);
    const back = await machine.result();
    assert.deepEqual([back.code, back.result.result, back.result.to], [0, "back", 1]);
    assert.deepEqual(await machine.installed(), { sequence: 1, files: vendor.versions.get(1) });
    // The index still names 2; the range is barred.
    assert.equal((await machine.result()).code, 1);
    vendor.publish(3, versionContent(3), [2]);
    show(recall);
    const on = await machine.result();
    assert.deepEqual([on.result.result, on.result.to], ["updated", 3]);
  } finally {
    await mirror.close();
  }
});
