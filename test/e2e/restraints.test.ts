import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

describe("rings that move by themselves, holds and blocks, with the real daemon", () => {
  let upstream: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;
  let at = Date.now() - 60_000;

  const publish = async (content: string): Promise<void> => {
    vendor.publish(new Map([["a.bin", Buffer.from(content)]]), (at += 1_000));
    await daemon.must({ verb: "sync", source: "s", by: "test" });
  };
  /** By a connection and a name of its own: a client that comes back is held on the view that it began with. */
  const get = async (channel: string): Promise<string> => {
    const headers = { "user-agent": `${Math.random()}` };
    const url = `${await daemon.url(channel)}s/a.bin`;
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(url, { agent: false, headers }, resolve).on("error", reject);
    });
    const body = Buffer.concat(await response.toArray()).toString();
    return response.statusCode === 200 ? body : String(response.statusCode);
  };
  const soon = async (channel: string, wanted: string): Promise<void> => {
    for (let tries = 0; tries < 200 && (await get(channel)) !== wanted; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await get(channel), wanted);
  };

  before(async () => {
    upstream = await startHttpVendor({});
    daemon = await startTestDaemon();
    vendor = new SignedListVendor(upstream, "s");
    vendor.publish(new Map([["a.bin", Buffer.from("one")]]), at);
    await daemon.addSource(vendor.source());
    const rings = [{ channel: "staging" }, { channel: "production", automatic: true, soak: "1s" }];
    await daemon.must({ verb: "policy-set", source: "s", policy: { rings }, after: null, reason: "", by: "test" });
    await daemon.must({ verb: "sync", source: "s", by: "test" });
  });
  after(async () => {
    await daemon?.end();
    await upstream?.close();
  });

  test("production follows by itself after its soak, and a hold stops it", async () => {
    await soon("production", "one");
    assert.equal((await daemon.cli("hold", "s", "--channel", "production", "--reason", "looking")).code, 0);
    await publish("two");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(await get("production"), "one");
    const status = await daemon.cli("status");
    assert.ok(status.stdout.includes("channel.held") && status.stdout.includes("hold of s in production"));
    assert.equal((await daemon.cli("promote", "s")).code, 3);
    assert.equal((await daemon.cli("release", "1")).code, 0);
    await soon("production", "two");
  });

  test("a blocked content stops being served at once, also to a client held on the old view, and after a restart", async () => {
    const digest = createHash("sha256").update("two").digest("hex");
    const url = `${await daemon.url("production")}s/a.bin`;
    const held = { headers: { "user-agent": "held" } };
    assert.equal(await (await fetch(url, held)).text(), "two");
    const blocked = await daemon.cli("block", "--digest", digest, "--reason", "harmful", "--json");
    assert.equal(blocked.code, 0, blocked.stderr);
    assert.equal((await fetch(url, held)).status, 404);
    assert.equal(await get("production"), "one");
    await daemon.kill();
    await daemon.start();
    assert.equal(await get("production"), "one");
    const again = await daemon.cli("promote", "s", "--revision", "2", "--json");
    assert.ok(again.stdout.includes("revision.blocked"), again.stdout);
    vendor.publish(
      new Map([
        ["a.bin", Buffer.from("two")],
        ["b.bin", Buffer.from("b")],
      ]),
      (at += 1_000),
    );
    const sync = await daemon.cli("sync", "s", "--json");
    assert.ok(sync.stdout.includes("artifact.blocked"), sync.stdout);
  });
});
