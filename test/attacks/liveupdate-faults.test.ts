import assert from "node:assert/strict";
import { mkdtemp, rmdir, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { run } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/** A vendor, or what stands between, that fails without meaning harm. */
describe("LiveUpdate vendors that fail", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("a vendor without the flag: ours is made, whatever the vendor has there", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    const flag = async (): Promise<string> => {
      const response = await fetch(`${await road.daemon.url("staging")}${name}/minitri.flg`);
      return `${response.status} "${await response.text()}"`;
    };
    vendor.remove("minitri.flg");
    assert.equal(await road.sync(name), "new-revision");
    assert.equal(await flag(), '200 " "');
    vendor.advance();
    vendor.put("minitri.flg", Buffer.from("whatever the line says"));
    assert.equal(await road.sync(name), "new-revision");
    assert.equal(await flag(), '200 " "');
    const asked = road.http.requests.filter((request) => request.path.endsWith("minitri.flg"));
    assert.deepEqual(asked, []);
  });

  test("HTTP is down and FTP up: the sync goes over passive FTP", async () => {
    const settled = await road.settled({
      addresses: (name) => [`${road.http.url}/${name}/`, `${road.ftp.url}/${name}/`],
    });
    const { name } = settled;
    road.http.faults.set("*", { kind: "drop" });
    const before = road.ftp.commands.length;
    assert.equal(await road.sync(name), "new-revision");
    road.http.faults.clear();
    const commands = road.ftp.commands.slice(before);
    assert.ok(
      commands.some((command) => command.startsWith("RETR ")) && commands.some((c) => /^(?:EPSV|PASV)$/.test(c)),
    );
    assert.ok(!commands.some((command) => /^(?:PORT|EPRT)/.test(command)), "never an active connection");
  });

  test("a proxy that serves a stale index: the true one stays, and the next true one is taken", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    const stale = vendor.files.get(vendor.indexPath("definitions")) ?? Buffer.alloc(0);
    vendor.advance();
    assert.equal(await road.sync(name), "new-revision");
    vendor.put(vendor.indexPath("definitions"), stale);
    await road.refused(settled, "feed.older-than-held");
    await road.recovers(settled);
  });

  test("a stale index at the first address, the present one at the second", async () => {
    const settled = await road.settled({
      addresses: (name) => [`${road.http.url}/${name}-stale/`, `${road.http.url}/${name}/`],
    });
    const { vendor, name } = settled;
    for (const [file, body] of vendor.files) road.http.files.set(`/${name}-stale/${file}`, { body });
    assert.equal(await road.sync(name), "new-revision");
    vendor.advance();
    // The first address still stands at the revision that we hold: nothing new there.
    assert.equal(await road.sync(name), "nothing-new");
    road.http.faults.set(`/${name}-stale/${vendor.indexPath("definitions")}`, { kind: "status", status: 503 });
    assert.equal(await road.sync(name), "new-revision");
    road.http.faults.clear();
    // The first address is now behind what we hold: it is refused, the second is asked, and nothing moves.
    const before = await road.served(name);
    assert.equal(await road.sync(name), "nothing-new");
    assert.deepEqual(await road.served(name), before);
    assert.match(
      road.daemon.events(),
      new RegExp(`"event":"feed.refused","source":"${name}","address":1,"code":"feed.older-than-held"`),
    );
  });

  test("half-updated upstream: the new index, and its packages not there yet", async () => {
    const settled = await road.settled();
    const { vendor } = settled;
    const late = vendor
      .sideFiles("definitions")
      .map((file) => [file, vendor.files.get(file) ?? Buffer.alloc(0)] as const);
    for (const [file] of late) vendor.remove(file);
    await road.refused(settled, "artifact.missing");
    for (const [file, bytes] of late) vendor.put(file, bytes);
    assert.equal(await road.sync(settled.name), "new-revision");
  });

  test("no index anywhere is no order to empty the channel", async () => {
    const settled = await road.settled();
    settled.vendor.remove(settled.vendor.indexPath("definitions"));
    await road.refused(settled, "feed.empty");
    await road.recovers(settled);
  });
});

const skip = needs(
  process.getuid?.() === 0 ? false : "needs root, to mount a small file system",
  needsProgram("mount", "mount"),
);

describe("a full disk under LiveUpdate content", { skip }, () => {
  let folder = "";
  let road: LiveupdateRoad;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ringfort-full-"));
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder]);
    assert.equal(mounted.code, 0, mounted.stderr);
    road = await startLiveupdateRoad({ under: folder });
  });
  after(async () => {
    await road?.end();
    await run("umount", [folder]);
    await rmdir(folder);
  });

  test("a package for which there is no room changes nothing, and leaves nothing behind", async () => {
    const settled = await road.settled({ source: () => ({ budget: { freeDisk: "0 B", growth: 1_000 } }) });
    const { vendor } = settled;
    const before = await statfs(folder);
    // Deflate would make it small again: the size of the package is what the disk sees.
    vendor.forgePackage("definitions", { members: (list) => list.map((member) => ({ ...member, store: true })) }, [
      { name: "large.bin", bytes: Buffer.alloc(30_000_000, "no room ") },
    ]);
    await road.refused(settled, "budget.free-disk");
    const now = await statfs(folder);
    assert.ok(now.bavail * now.bsize > before.bavail * before.bsize - 2_000_000, "nothing of it was left behind");
    await road.recovers(settled);
  });
});
