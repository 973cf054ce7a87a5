import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { makeCertificate } from "../upstream/certificate.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

describe("a channel that listens on HTTP and on FTP", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;

  before(async () => {
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "one");
    daemon = await startTestDaemon({
      channels: {
        staging: {
          listen: "127.0.0.1:0",
          ftp: { listen: "127.0.0.1:0", allow: ["127.0.0.0/8"], sessionsPerClient: 3 },
        },
        production: { listen: "127.0.0.1:0" },
      },
    });
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  const ftpOf = async (channel: string): Promise<string | null> => {
    const { channels } = await daemon.must({ verb: "status" });
    return channels.find((one) => one.channel === channel)?.ftp ?? null;
  };

  test("one process serves the same files by both, and says where", async () => {
    const files = new Map([["pool/a.bin", Buffer.alloc(2_000_000, "one")]]);
    vendor.publish(files, Date.now());
    await daemon.addSource(vendor.source());
    const result = await daemon.sync("one");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    const address = await ftpOf("staging");
    assert.match(address ?? "", /^ftp:\/\/127\.0\.0\.1:\d+\/$/);
    assert.equal(await ftpOf("production"), null);
    const port = Number(new URL(address ?? "").port);
    const ftp = await RawFtp.login(port);
    assert.deepEqual((await ftp.transfer("RETR /one/pool/a.bin")).bytes, files.get("pool/a.bin"));
    assert.equal(JSON.parse((await ftp.transfer("RETR /.ringfort/channel")).bytes.toString()).channel, "staging");
    ftp.destroy();
    const byHttp = await fetch(`${await daemon.url("staging")}one/pool/a.bin`);
    assert.equal((await byHttp.arrayBuffer()).byteLength, 2_000_000);
    assert.ok((await daemon.cli("status")).stdout.includes(address ?? "none"));
  });

  test("a new revision is seen by the next session; a killed server comes back at the same addresses", async () => {
    const before = await ftpOf("staging");
    const port = Number(new URL(before ?? "").port);
    const ftp = await RawFtp.login(port);
    vendor.publish(new Map([["pool/b.bin", Buffer.from("two")]]), Date.now() + 60_000);
    const result = await daemon.sync("one");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    assert.match(await ftp.ask("SIZE /one/pool/b.bin"), /^550 /);
    const next = await RawFtp.open(port);
    await next.reply();
    await next.ask("USER ftp");
    await next.ask("PASS somebody.else@");
    assert.equal((await next.transfer("RETR /one/pool/b.bin")).bytes.toString(), "two");
    const { processes } = await daemon.must({ verb: "status" });
    const serve = processes.find(({ role }) => role === "serve-staging");
    process.kill(serve?.pid ?? 0, "SIGKILL");
    await Promise.all([ftp.ended(), next.ended()]);
    // First it has to be noticed.
    const restarts = async (): Promise<number> =>
      (await daemon.must({ verb: "status" })).processes.find(({ role }) => role === "serve-staging")?.restarts ?? 0;
    for (let i = 0; i < 100 && ((await restarts()) === 0 || (await ftpOf("staging")) === null); i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await ftpOf("staging"), before);
    const again = await RawFtp.login(port);
    assert.equal((await again.transfer("RETR /one/pool/b.bin")).bytes.toString(), "two");
    again.destroy();
  });

  test("TLS from files beside the configuration", async () => {
    const folder = path.dirname(daemon.configFile);
    const { cert, key } = await makeCertificate(["localhost"]);
    await writeFile(path.join(folder, "ftp.pem"), cert);
    await writeFile(path.join(folder, "ftp.key"), key);
    const config = JSON.parse(await readFile(daemon.configFile, "utf8"));
    config.channels.staging.ftp.tls = { mode: "required", certificate: "ftp.pem", key: "ftp.key" };
    await writeFile(daemon.configFile, JSON.stringify(config));
    await daemon.stop();
    const log = await readFile(path.join(daemon.data, "logs/staging.ftp.access.log"), "latin1");
    assert.match(log, / anonymous \[1\]sent \/one\/pool\/b\.bin 226 3 \d+ \d+ one 2\n/);
    await daemon.start();
    const ftp = await RawFtp.open(Number(new URL((await ftpOf("staging")) ?? "").port));
    await ftp.reply();
    assert.match(await ftp.ask("USER anonymous"), /^530 /);
    await ftp.secure();
    assert.match(await ftp.ask("USER anonymous"), /^331 /);
    ftp.destroy();
  });

  test("a certificate that is renewed is shown to the next session; one that is broken is refused, said and shown by status", async () => {
    const folder = path.dirname(daemon.configFile);
    const shown = async (): Promise<string> => {
      const ftp = await RawFtp.open(Number(new URL((await ftpOf("staging")) ?? "").port));
      await ftp.reply();
      await ftp.secure();
      assert.ok(ftp.socket instanceof TLSSocket);
      const { fingerprint256 } = ftp.socket.getPeerCertificate();
      ftp.destroy();
      return fingerprint256;
    };
    const seen = async (word: string): Promise<void> => {
      process.kill(daemon.pid, "SIGHUP");
      for (let i = 0; i < 100 && !daemon.events().includes(word); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(daemon.events().includes(word), daemon.events());
    };
    const first = await shown();
    const { cert, key } = await makeCertificate(["localhost"]);
    await writeFile(path.join(folder, "ftp.key"), key);
    await seen("certificate.refused");
    assert.equal(await shown(), first);
    const { channels } = await daemon.must({ verb: "status" });
    assert.equal(channels[0]?.certificates[0]?.refused, "certificate.key-differs");
    assert.match((await daemon.cli("status")).stdout, /certificate\.key-differs/);
    await writeFile(path.join(folder, "ftp.pem"), cert);
    await seen("certificate.loaded");
    const renewed = new X509Certificate(cert).fingerprint256;
    assert.equal(await shown(), renewed);
    // A server that has to be started again shows the new one too.
    const { processes } = await daemon.must({ verb: "status" });
    process.kill(processes.find(({ role }) => role === "serve-staging")?.pid ?? 0, "SIGKILL");
    for (let i = 0; i < 100 && (await shown().catch(() => null)) === null; i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await shown(), renewed);
    const line = key.split("\n")[1] ?? "";
    assert.ok(line.length > 40 && !daemon.events().includes(line));
  });
});
