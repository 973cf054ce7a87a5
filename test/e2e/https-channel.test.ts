import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { aptMachine, needsApt } from "../fixtures/apt-machine.ts";
import { run, startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { DebianRepository } from "../fixtures/debian-repository.ts";
import { FreshclamMachine, needsFreshclam, offerDatabase } from "../fixtures/freshclam.ts";
import { needs, needsProgram, sharedData } from "../fixtures/needs.ts";
import { makeCertificate, type TestCertificate } from "../upstream/certificate.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

const ringfort = fileURLToPath(new URL("../../src/main/ringfort.ts", import.meta.url));

/** Channels under TLS, by the real daemon, from a folder that a tool renews, to real clients that believe one authority. */
describe("channels over HTTPS", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let repository: DebianRepository;
  let authority: TestCertificate;
  let authorityFile = "";

  before(async () => {
    http = await startHttpVendor({});
    const vendor = new SignedListVendor(http, "debian");
    daemon = await startTestDaemon();
    await daemon.stop();
    authority = await makeCertificate(["an authority"]);
    authorityFile = path.join(daemon.folder, "authority.pem");
    await writeFile(authorityFile, authority.cert);
    await mkdir(path.join(daemon.folder, "tls"));
    await renew();
    const https = { listen: "127.0.0.1:0", folder: "tls" };
    const config = JSON.parse(await readFile(daemon.configFile, "utf8"));
    config.channels = { staging: { listen: "127.0.0.1:0", https }, production: { https } };
    await writeFile(daemon.configFile, JSON.stringify(config));
    await daemon.start();
    repository = await DebianRepository.make(daemon.folder);
    await repository.add("libtest", "1.0", "the first");
    vendor.publish(await repository.files(), Date.now());
    await daemon.addSource(vendor.source());
    const result = await daemon.sync("debian");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    const wish = { source: "debian", channel: "production", revision: null, reason: "test", by: "test" };
    const moved = await daemon.must({ verb: "promote", ...wish });
    assert.match(moved.url ?? "", /^https:/);
  });

  after(async () => {
    await repository?.end();
    await daemon?.end();
    await http?.close();
  });

  /** As lego leaves it. */
  async function renew(): Promise<string> {
    const { cert, key } = await makeCertificate(["localhost"], Date.now(), authority);
    await writeFile(path.join(daemon.folder, "tls/localhost.key"), key, { mode: 0o600 });
    await writeFile(path.join(daemon.folder, "tls/localhost.crt"), cert);
    return new X509Certificate(cert).fingerprint256;
  }

  /** Under the name that the certificate has. */
  async function urlOf(channel: string): Promise<string> {
    const { channels } = await daemon.must({ verb: "status" });
    const url = channels.find((one) => one.channel === channel)?.https ?? "none";
    return url.replace("127.0.0.1", "localhost");
  }

  async function shown(channel: string): Promise<string> {
    const { port } = new URL(await urlOf(channel));
    const socket = connect({ port: Number(port), host: "127.0.0.1", servername: "localhost", ca: authority.cert });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  test("one beside plain HTTP, one in its place; status says so, and when the certificate ends", async () => {
    const { channels } = await daemon.must({ verb: "status" });
    const [staging, production] = channels;
    assert.match(staging?.url ?? "", /^http:/);
    assert.match(staging?.https ?? "", /^https:/);
    assert.equal(production?.url, null);
    assert.deepEqual(production?.certificates[0]?.names, ["DNS:localhost"]);
    assert.match((await daemon.cli("status")).stdout, /CERTIFICATE .*\n *staging .*DNS:localhost .*in \d+h/);
  });

  test("curl and wget, and neither without the authority", {
    skip: needs(needsProgram("curl", "curl"), needsProgram("wget", "wget")),
  }, async () => {
    for (const channel of ["staging", "production"]) {
      const url = `${await urlOf(channel)}debian/SHA256SUMS`;
      const want = (await run("curl", ["-sS", "-f", "-4", "--cacert", authorityFile, url])).stdout;
      assert.ok(want.length > 100);
      const got = await run("wget", ["-q", "-4", "-O", "-", `--ca-certificate=${authorityFile}`, url]);
      assert.equal(got.stdout, want);
      assert.notEqual((await run("curl", ["-sS", "-4", url])).code, 0);
    }
  });

  test("apt-get: update, again, download", { skip: needsApt }, async () => {
    const { desk, apt } = await aptMachine(daemon.folder, `${await urlOf("production")}debian`, repository.keyring);
    const trusting = ["-o", `Acquire::https::CaInfo=${authorityFile}`, "-o", "Acquire::ForceIPv4=true"];
    await assert.rejects(apt("-o", "Acquire::ForceIPv4=true", "-o", "APT::Update::Error-Mode=any", "update"));
    assert.match(await apt(...trusting, "update"), /^Get:1 .* InRelease/m);
    assert.match(await apt(...trusting, "update"), /^Hit:1 /m);
    await apt(...trusting, "download", "libtest");
    await desk.gives("libtest_1.0_all.deb", (await repository.files()).get("pool/main/libtest_1.0_all.deb") ?? "");
  });

  test("freshclam, which reads its authority from the environment", { skip: needsFreshclam }, async () => {
    await offerDatabase(http, 1);
    await daemon.addSource({
      name: "clamav",
      feed: { format: "clamav", databases: ["test"] },
      addresses: [http.url],
      trust: { kind: "clamav", roots: [await readFile(sharedData("clamav", "clamav-test-root.crt"), "utf8")] },
      mount: "/",
      schedule: "manual",
    });
    const result = await daemon.sync("clamav");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
    const machine = await FreshclamMachine.make(daemon.folder, "freshclam");
    const url = await urlOf("staging");
    assert.notEqual((await machine.update(url)).version, 1);
    process.env["CURL_CA_BUNDLE"] = authorityFile;
    const got = await machine.update(url).finally(() => delete process.env["CURL_CA_BUNDLE"]);
    assert.equal(got.code, 0, got.output);
    assert.equal(got.version, 1);
  });

  test("a host file leads to the name in the certificate, and is checked as its clients would", async () => {
    const file = path.join(daemon.folder, "production.json");
    const flags = ["--new", "--deployment", "campus", "--channel", "production", "--from-daemon"];
    const edited = await daemon.cli("hostfile", "edit", file, ...flags);
    assert.equal(edited.code, 0, edited.stderr);
    const hosts = JSON.parse(await readFile(file, "utf8")).hosts as {
      readonly type: string;
      readonly address: string;
    }[];
    assert.deepEqual(
      hosts.map(({ type, address }) => [type, new URL(address).hostname]),
      [["https", "localhost"]],
    );
    // The authority stands in the machine's store, as an administrator puts it there.
    const check = (env: NodeJS.ProcessEnv) =>
      run(process.execPath, [ringfort, "hostfile", "check", file, "--json"], { env: { ...process.env, ...env } });
    const right = await check({ SSL_CERT_FILE: authorityFile });
    assert.equal(right.code, 0, right.stdout + right.stderr);
    const strange = JSON.parse((await check({})).stdout);
    assert.equal(strange.hosts[0].code, "upstream.tls");
  });

  test("what a tool renews in the folder is shown on SIGHUP, by both channels, and after a restart of a server", async () => {
    const before = await shown("production");
    const next = await renew();
    assert.notEqual(next, before);
    process.kill(daemon.pid, "SIGHUP");
    const loaded = (): number => daemon.events().split('"event":"certificate.loaded"').length - 1;
    for (let i = 0; i < 100 && loaded() < 2; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await shown("staging"), next);
    assert.equal(await shown("production"), next);
    const { processes } = await daemon.must({ verb: "status" });
    process.kill(processes.find(({ role }) => role === "serve-production")?.pid ?? 0, "SIGKILL");
    for (let i = 0; i < 100 && (await shown("production").catch(() => null)) === null; i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await shown("production"), next);
  });
});
