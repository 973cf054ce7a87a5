import assert from "node:assert/strict";
import { mkdtemp, rm, rmdir, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { run, startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

// The attack, or the accident: the store's disk has no room left. The sync stops, what is served stays, and when there
// is room again the next run goes through.
const skip = needs(
  process.getuid?.() === 0 ? false : "needs root, to mount a small file system",
  needsProgram("mount", "mount"),
);

describe("a full disk", { skip }, () => {
  let folder = "";
  let http: HttpVendor;
  let daemon: TestDaemon;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ringfort-full-"));
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", folder]);
    assert.equal(mounted.code, 0, mounted.stderr);
    http = await startHttpVendor({});
    daemon = await startTestDaemon({ under: folder, config: { session: { idle: 0, most: 0 } } });
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
    await run("umount", [folder]);
    await rmdir(folder);
  });

  const served = async (name: string): Promise<string> => {
    const response = await fetch(`${await daemon.url("staging")}${name}/small.bin`);
    return `${response.status} ${await response.text()}`;
  };
  const settled = async (name: string, freeDisk: string): Promise<SignedListVendor> => {
    const vendor = new SignedListVendor(http, name);
    vendor.publish(new Map([["small.bin", Buffer.from(`${name}, the first`)]]), Date.now() - 60_000);
    await daemon.addSource(vendor.source({ budget: { freeDisk } }));
    await daemon.must({ verb: "sync", source: name, by: "test" });
    assert.equal(await served(name), `200 ${name}, the first`);
    return vendor;
  };
  const outcome = async (name: string): Promise<string> => {
    try {
      const result = await daemon.sync(name);
      return "run" in result ? result.run.outcome : result.code;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };
  const large = (name: string, bytes: number): Map<string, Buffer> =>
    new Map([
      ["small.bin", Buffer.from(`${name}, the second`)],
      ["large.bin", Buffer.alloc(bytes, name)],
    ]);

  test("the reserve is kept: a file that would eat into it is refused", async () => {
    const vendor = await settled("reserve", "20 MB");
    vendor.publish(large("reserve", 40_000_000), Date.now());
    assert.equal(await outcome("reserve"), "budget.free-disk");
    const { bavail, bsize } = await statfs(folder);
    assert.ok(bavail * bsize > 19_000_000, "nothing of the refused file was left behind");
    assert.equal(await served("reserve"), "200 reserve, the first");
  });

  test("a disk that fills up under a transfer stops it cleanly, and the next run goes through", async () => {
    const vendor = await settled("race", "0 B");
    vendor.publish(large("race", 20_000_000), Date.now());
    http.faults.set("/race/large.bin", { kind: "drip", bytes: 200_000, every: 10 });
    const filler = path.join(folder, "filler");
    const going = outcome("race");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { bavail, bsize } = await statfs(folder);
    // The transfer goes on meanwhile, and takes its share: whatever the filler gets is enough.
    await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - 500_000))).catch(() => {});
    assert.equal(await going, "store.full");
    assert.equal(await served("race"), "200 race, the first");
    http.faults.clear();
    await rm(filler);
    assert.equal(await outcome("race"), "new-revision");
    assert.equal(await served("race"), "200 race, the second");
  });
});
