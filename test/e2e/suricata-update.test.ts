import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ClientDesk } from "../fixtures/client-desk.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needsProgram, needsSharedData, sharedData } from "../fixtures/needs.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

const run = promisify(execFile);

/**
 * suricata-update verifies nothing: of a file that is cut off it makes no rules, and says that all is well. What it
 * gets from a channel has been verified on the way.
 */
describe("suricata-update from both channels", { skip: needsProgram("suricata-update", "suricata-update") }, () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;
  let clock = Date.now();

  before(async () => {
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "rules");
    const ftp = { listen: "127.0.0.1:0" };
    daemon = await startTestDaemon({
      channels: { staging: { listen: "127.0.0.1:0", ftp }, production: { listen: "127.0.0.1:0", ftp } },
      // Every run here is a machine of its own, at one address: none is to be held on what the last one began with.
      config: { session: { idle: "0s", most: "0s" } },
    });
    await daemon.addSource(vendor.source());
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  /** The vendor offers this archive, staging takes it, and production when it is released. */
  async function offered(archive: Uint8Array, released: boolean): Promise<void> {
    clock += 60_000;
    const md5 = Buffer.from(createHash("md5").update(archive).digest("hex"));
    const files = { "emerging.rules.tar.gz": archive, "emerging.rules.tar.gz.md5": md5 };
    vendor.publish(new Map(Object.entries(files)), clock);
    const result = await daemon.sync("rules");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    if (!released) return;
    const wish = { source: "rules", channel: "production", revision: null, reason: "test", by: "test" };
    await daemon.must({ verb: "promote", ...wish });
  }

  /** How many rules a machine has after a run against a channel. */
  async function rulesFrom(channel: string, protocol: "http" | "ftp"): Promise<number> {
    const { channels } = await daemon.must({ verb: "status" });
    const entry = channels.find((one) => one.channel === channel);
    const url = `${(protocol === "http" ? entry?.url : entry?.ftp) ?? "none"}rules/emerging.rules.tar.gz`;
    const desk = await ClientDesk.make(daemon.folder);
    const data = desk.at("data");
    const args = ["--data-dir", data, "--no-test", "--no-reload", "--suricata-version", "6.0.10", "--url", url];
    await writeFile(desk.at("empty.yaml"), "%YAML 1.1\n---\n");
    await desk.run("suricata-update", ["--suricata-conf", desk.at("empty.yaml"), ...args]);
    const rules = await readFile(path.join(data, "rules/suricata.rules"), "utf8");
    return rules.split("\n").filter((line) => /^#? ?alert /.test(line)).length;
  }

  async function archiveOf(rules: number): Promise<Uint8Array> {
    const folder = path.join(daemon.folder, `rules-${rules}`);
    await mkdir(path.join(folder, "rules"), { recursive: true });
    const line = (sid: number): string =>
      `alert tcp any any -> any any (msg:"TEST rule ${sid}"; content:"${sid}"; sid:${sid}; rev:1;)\n`;
    const text = Array.from({ length: rules }, (_, i) => line(1_000_000 + i)).join("");
    await writeFile(path.join(folder, "rules/emerging-test.rules"), text);
    await run("tar", ["-czf", "rules.tar.gz", "rules"], { cwd: folder });
    return readFile(path.join(folder, "rules.tar.gz"));
  }

  test("staging has the new rules, production those that were released, over HTTP and FTP", async () => {
    await offered(await archiveOf(3), true);
    await offered(await archiveOf(5), false);
    for (const protocol of ["http", "ftp"] as const) {
      assert.equal(await rulesFrom("staging", protocol), 5);
      assert.equal(await rulesFrom("production", protocol), 3);
    }
  });

  test("an archive that is cut off never gets to a client", async () => {
    const whole = await archiveOf(7);
    clock += 60_000;
    const list = `${createHash("sha256").update(whole).digest("hex")}  emerging.rules.tar.gz\n`;
    vendor.publish(new Map([["emerging.rules.tar.gz", whole.subarray(0, 120)]]), clock, [list]);
    const result = await daemon.sync("rules");
    assert.ok("code" in result && result.code === "artifact.digest-differs", JSON.stringify(result));
    assert.equal(await rulesFrom("staging", "http"), 5);
  });

  test("the real rule set, whole", { skip: needsSharedData("suricata", "emerging.rules.tar.gz") }, async () => {
    await offered(await readFile(sharedData("suricata", "emerging.rules.tar.gz")), true);
    for (const channel of ["staging", "production"]) {
      const count = await rulesFrom(channel, "http");
      assert.ok(count > 20_000, `${count} rules`);
    }
  });
});
