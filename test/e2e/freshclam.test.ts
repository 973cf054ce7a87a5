import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { FreshclamMachine, needsFreshclam, offerDatabase } from "../fixtures/freshclam.ts";
import { sharedData } from "../fixtures/needs.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";

/**
 * A real freshclam takes a real, vendor-signed database through the whole road: upstream, fetch, inspection, staging,
 * promotion, production. The vendor is a server on loopback with the vendor's own signed files.
 */

async function promoteIn(daemon: TestDaemon): Promise<void> {
  const wish = { source: "clamav", channel: "production", revision: null, reason: "test", by: "test" };
  await daemon.must({ verb: "promote", ...wish });
}

describe("freshclam through Ringfort", { skip: needsFreshclam }, () => {
  let work = "";
  let vendor: HttpVendor;
  let daemon: TestDaemon;
  let clients = 0;

  const addSource = async (): Promise<void> => {
    await daemon.addSource({
      name: "clamav",
      feed: { format: "clamav", databases: ["test"], cdiffs: 10 },
      addresses: [vendor.url],
      trust: { kind: "clamav", roots: [await readFile(sharedData("clamav", "clamav-test-root.crt"), "utf8")] },
      mount: "/",
      schedule: "manual",
    });
  };
  const sync = async (): Promise<string> => {
    const result = await daemon.sync("clamav");
    return "run" in result ? result.run.outcome : result.code;
  };
  const promote = (): Promise<void> => promoteIn(daemon);
  const client = (): Promise<FreshclamMachine> => {
    clients += 1;
    return FreshclamMachine.make(work, `client-${clients}`);
  };

  before(async () => {
    work = await mkdtemp(path.join(tmpdir(), "ringfort-freshclam-"));
    vendor = await startHttpVendor({});
    // Sessions as short as the tests are: each run of freshclam is one.
    daemon = await startTestDaemon({ config: { session: { idle: "1ms", most: "1s" } } });
    await offerDatabase(vendor, 1);
    await addSource();
  });
  after(async () => {
    await daemon?.end();
    await vendor?.close();
    await rm(work, { recursive: true, force: true });
  });

  const channels = ["staging", "production"] as const;

  test("first download: a machine with nothing takes version 1 from both channels", async () => {
    assert.equal(await sync(), "new-revision");
    await promote();
    for (const channel of channels) {
      const got = await (await client()).update(await daemon.url(channel));
      assert.equal(got.code, 0, got.output);
      assert.equal(got.version, 1, channel);
    }
  });

  test("up to date: a second run asks once, and takes at most the header", async () => {
    const log = async (channel: string): Promise<string[]> =>
      (await readFile(path.join(daemon.data, "logs", `${channel}.access.log`), "utf8"))
        .split("\n")
        .filter((line) => line.includes("/test.cvd"));
    for (const channel of channels) {
      const machine = await client();
      const url = await daemon.url(channel);
      await machine.update(url);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const earlier = (await log(channel)).length;
      const again = await machine.update(url);
      assert.equal(again.code, 0, again.output);
      assert.match(again.output, /up-to-date/);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const asked = (await log(channel)).slice(earlier);
      assert.equal(asked.length, 1, asked.join("\n"));
      // freshclam asks If-Modified-Since the database's build time, and ours is the channel's move, which is later: the
      // answer is the 512 bytes of the header, and never a 304 that would hide a newer database.
      const [, bytes = ""] = / 206 (\d+) /.exec(asked[0] ?? "") ?? [];
      // With the answer's own head, which names digests and dates.
      assert.ok(Number(bytes) > 512 && Number(bytes) < 512 + 1_024, asked[0] ?? "");
    }
  });

  test("promotion between two runs: production moves when told, by cdiffs, and not before", async () => {
    const staged = await client();
    const produced = await client();
    const [staging, production] = [await daemon.url("staging"), await daemon.url("production")];
    await staged.update(staging);
    await produced.update(production);
    await offerDatabase(vendor, 6);
    assert.equal(await sync(), "new-revision");

    const first = await staged.update(staging);
    assert.equal(first.code, 0, first.output);
    assert.equal(first.version, 6);
    assert.match(first.output, /test-6\.cdiff/, "it went by incremental patches");
    const unmoved = await produced.update(production);
    assert.equal(unmoved.version, 1, "production is where it was");

    await promote();
    const moved = await produced.update(production);
    assert.equal(moved.code, 0, moved.output);
    assert.equal(moved.version, 6);
    assert.match(moved.output, /test-2\.cdiff/);
  });

  test("every .sign file that the vendor has is served as the vendor made it", async () => {
    for (const name of ["test-6.cvd.sign", "test-2.cdiff.sign", "test-6.cdiff.sign"]) {
      const response = await fetch(`${await daemon.url("staging")}${name}`);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), await readFile(sharedData("clamav", name)));
    }
  });

  test("PrivateMirror: .cld is answered 404, and the client takes the whole database", async () => {
    for (const channel of channels) {
      const machine = await client();
      const got = await machine.update(await daemon.url(channel), true);
      assert.equal(got.code, 0, got.output);
      assert.equal(got.version, 6);
      const again = await machine.update(await daemon.url(channel), true);
      assert.equal(again.code, 0, again.output);
      assert.match(again.output, /up-to-date/);
    }
  });

  test("tampered upstream: each is refused at intake, and clients never see it", async () => {
    const whole = await readFile(sharedData("clamav", "test-6.cvd"));
    const flip = (at: number): Buffer => {
      const copy = Buffer.from(whole);
      copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
      return copy;
    };
    // The version is not signed by the header: only the signed inside says that this "7" is a 6.
    const edited = Buffer.from(whole);
    edited.write(whole.subarray(0, 512).toString("latin1").replace(":6:", ":7:"), 0, "latin1");
    const forgedMd5 = Buffer.from(edited);
    const header = edited.subarray(0, 512).toString("latin1").split(":");
    forgedMd5.write(header.with(5, "0".repeat(32)).join(":"), 0, "latin1");
    const payload = Buffer.from(flip(5_000));
    payload.write(edited.subarray(0, 512).toString("latin1"), 0, "latin1");
    for (const [what, body, code] of [
      ["version edited", edited, "artifact.contradicts-itself"],
      ["MD5 forged", forgedMd5, "artifact.signature-wrong"],
      ["payload changed", payload, "artifact.signature-wrong"],
    ] as const) {
      vendor.files.set("/test.cvd", { body, lastModified: new Date().toUTCString() });
      assert.equal(await sync(), code, what);
      const got = await (await client()).update(await daemon.url("staging"));
      assert.equal(got.version, 6, `${what}: clients take what was there`);
      assert.equal(got.code, 0, got.output);
    }
    vendor.files.set("/test.cvd", { body: whole.subarray(0, 9_000), lastModified: new Date().toUTCString() });
    assert.equal(await sync(), "nothing-new", "a cut-off database of the version that is held is not even fetched");
  });

  test("a vendor that goes back is refused", async () => {
    await offerDatabase(vendor, 5);
    // A server that honours If-Modified-Since answers 304 for what is older; this one says that it is new.
    const older = vendor.files.get("/test.cvd");
    assert.ok(older !== undefined);
    const newer = new Date(Date.now() + 60_000).toUTCString();
    vendor.files.set("/test.cvd", { body: older.body, lastModified: newer });
    assert.equal(await sync(), "feed.older-than-held");
  });
});

describe("freshclam and a missing cdiff", { skip: needsFreshclam }, () => {
  let work = "";
  let vendor: HttpVendor;
  let daemon: TestDaemon;

  before(async () => {
    work = await mkdtemp(path.join(tmpdir(), "ringfort-freshclam-"));
    vendor = await startHttpVendor({});
    daemon = await startTestDaemon({ config: { session: { idle: "1ms", most: "1s" } } });
    await daemon.addSource({
      name: "clamav",
      feed: { format: "clamav", databases: ["test"] },
      addresses: [vendor.url],
      trust: { kind: "clamav" },
      mount: "/",
      schedule: "manual",
    });
  });
  after(async () => {
    await daemon?.end();
    await vendor?.close();
    await rm(work, { recursive: true, force: true });
  });

  test("the first cdiff that a client needs is missing: it takes the whole database, from both channels", async () => {
    await offerDatabase(vendor, 1);
    await daemon.sync("clamav");
    await promoteIn(daemon);
    const machines = await Promise.all(["staging", "production"].map((name) => FreshclamMachine.make(work, name)));
    for (const [index, channel] of ["staging", "production"].entries())
      await machines[index]?.update(await daemon.url(channel));
    await offerDatabase(vendor, 6, [2]);
    const synced = await daemon.sync("clamav");
    assert.ok("run" in synced && synced.run.outcome === "new-revision", JSON.stringify(synced));
    await promoteIn(daemon);
    for (const [index, channel] of ["staging", "production"].entries()) {
      const got = await machines[index]?.update(await daemon.url(channel));
      assert.equal(got?.code, 0, got?.output ?? "");
      assert.equal(got?.version, 6, channel);
    }
  });
});
