import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { drain, RawFtp, underTls } from "../fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";
import { makeCertificate } from "../upstream/certificate.ts";

function fingerprintOf({ socket }: RawFtp): string {
  assert.ok(socket instanceof TLSSocket);
  return socket.getPeerCertificate().fingerprint256;
}

const run = promisify(execFile);
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
const big = Buffer.alloc(5_000_000, "abcdefg");
/** Small enough to be kept in memory when it is asked for again. */
const kept = Buffer.alloc(2_000_000, "hijklmno");

describe("FTP under TLS", () => {
  let folder: ChannelFolder;
  let offered: ServeProcess;
  let required: ServeProcess;
  let unbound: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", big, kept });
    await folder.point("staging", { one: 1 });
    const { cert: certificate, key } = await makeCertificate(["localhost"]);
    const tls = { required: false, certificate, key, boundData: true };
    offered = await ServeProcess.start(folder, { ftp: ftpStart({ tls }) });
    required = await ServeProcess.start(folder, { ftp: ftpStart({ tls: { ...tls, required: true } }) });
    unbound = await ServeProcess.start(folder, { ftp: ftpStart({ tls: { ...tls, boundData: false } }) });
  });

  after(async () => {
    for (const serve of [offered, required, unbound]) await serve.stop();
    await folder.end();
  });

  // After each attack the servers are there, and serve others.
  afterEach(async () => {
    assert.equal((await retrieveAs(offered.ftpPort)).toString(), "the file");
    (await secured(required.ftpPort)).destroy();
  });

  async function secured(port: number, version: (typeof VERSIONS)[number] = "TLSv1.3"): Promise<RawFtp> {
    const ftp = await RawFtp.open(port);
    await ftp.reply();
    await ftp.secure({ maxVersion: version });
    await ftp.ask("USER anonymous");
    await ftp.ask("PASS test@");
    return ftp;
  }

  /** RETR with a data connection that resumes `session`; what came, and the reply behind 150. */
  async function retrieve(ftp: RawFtp, session: Buffer | null, name = "a"): Promise<{ bytes: Buffer; reply: string }> {
    const raw = await ftp.data();
    assert.match(await ftp.ask(`RETR /one/${name}`), /^150 /);

    // Offered a newer version, the server would take it, and a session of the older could not be resumed.
    const maxVersion =
      ftp.socket instanceof TLSSocket && ftp.socket.getProtocol() === "TLSv1.2" ? "TLSv1.2" : "TLSv1.3";
    const data = await underTls(raw, session, { maxVersion }).catch(() => null);
    const bytes = data === null ? Buffer.alloc(0) : await drain(data);
    return { bytes, reply: await ftp.reply() };
  }

  for (const version of VERSIONS) {
    test(`${version}: a session's own data connections are taken, whole files come through`, async () => {
      const ftp = await secured(offered.ftpPort, version);
      assert.match(await ftp.ask("PBSZ 0"), /^200 /);
      assert.match(await ftp.ask("PROT P"), /^200 /);
      const { bytes, reply } = await retrieve(ftp, ftp.session, "big");
      assert.equal(reply, "226 Sent.");
      assert.deepEqual(bytes, big);
      ftp.destroy();
    });

    test(`${version}: a data connection that resumes nothing, or another session, gets nothing`, async () => {
      const ftp = await secured(offered.ftpPort, version);
      const other = await secured(offered.ftpPort, version);
      for (const one of [ftp, other]) {
        await one.ask("PBSZ 0");
        await one.ask("PROT P");
      }
      for (const session of [null, other.session]) {
        const { bytes, reply } = await retrieve(ftp, session);
        assert.match(reply, /^522 /);
        assert.equal(bytes.length, 0);
      }
      assert.equal((await retrieve(ftp, ftp.session)).bytes.toString(), "the file");
      ftp.destroy();
      other.destroy();
    });
  }

  test("a file that is kept whole in memory comes whole under TLS", async () => {
    const ftp = await secured(offered.ftpPort);
    await ftp.ask("PBSZ 0");
    await ftp.ask("PROT P");
    for (let i = 0; i < 4; i++) assert.deepEqual((await retrieve(ftp, ftp.session, "kept")).bytes, kept);
    ftp.destroy();
  });

  test("what is sent in clear behind AUTH is not read in the tunnel", async () => {
    for (const behind of ["USER anonymous\r\nPASS injected\r\n", "USER anonymous\r\n", "NOO", "USER anonymous"]) {
      const ftp = await RawFtp.open(offered.ftpPort);
      await ftp.reply();
      await ftp.secure({}, behind);
      // Had it been read, this were the second reply or a login.
      assert.match(await ftp.ask("PWD"), /^530 /);
      assert.match(await ftp.ask("PASS x"), /^503 /);
      assert.match(await ftp.ask("USER anonymous"), /^331 /);
      ftp.destroy();
    }
    const late = await RawFtp.open(offered.ftpPort);
    await late.reply();
    assert.match(await late.ask("AUTH TLS"), /^234 /);
    late.send("USER anonymous\r\n");
    await late.ended();
    assert.equal((await secured(offered.ftpPort)).socket.destroyed, false);
  });

  test("PROT P holds for a port that was opened before it, and PROT C for one opened after", async () => {
    const ftp = await secured(offered.ftpPort);
    const raw = await ftp.data();
    await ftp.ask("PBSZ 0");
    await ftp.ask("PROT P");
    assert.match(await ftp.ask("RETR /one/a"), /^150 /);
    assert.equal((await drain(await underTls(raw, ftp.session))).toString(), "the file");
    assert.match(await ftp.reply(), /^226 /);
    const clear = await ftp.data();
    assert.match(await ftp.ask("PROT C"), /^200 /);
    assert.match(await ftp.ask("RETR /one/a"), /^150 /);
    assert.equal((await drain(clear)).toString(), "the file");
    ftp.destroy();
  });

  test("where it is required nothing is done in clear", async () => {
    const ftp = await RawFtp.open(required.ftpPort);
    await ftp.reply();
    assert.match(await ftp.ask("USER anonymous"), /^530 /);
    assert.match(await ftp.ask("PASS x"), /^503 /);
    assert.match(await ftp.ask("PROT P"), /^503 /);
    ftp.destroy();
    const inside = await secured(required.ftpPort);
    await inside.epsv();
    assert.match(await inside.ask("RETR /one/a"), /^521 /);
    await inside.ask("PBSZ 0");
    assert.match(await inside.ask("PROT C"), /^534 /);
    await inside.ask("PROT P");
    assert.equal((await retrieve(inside, inside.session)).bytes.toString(), "the file");
    assert.match(await inside.ask("CCC"), /^53/);
    assert.match(await inside.ask("AUTH TLS"), /^503 /);
    inside.destroy();
  });

  test("a client that means to speak HTTP is refused in the handshake", async () => {
    const ftp = await RawFtp.open(offered.ftpPort);
    await ftp.reply();
    await assert.rejects(ftp.secure({ ALPNProtocols: ["http/1.1"] }));
    await ftp.ended();
    const right = await RawFtp.open(offered.ftpPort);
    await right.reply();
    await right.secure({ ALPNProtocols: ["ftp"] });
    // Inside the tunnel its verbs end the session as outside.
    right.send("GET / HTTP/1.1\r\n");
    assert.equal(await right.reply(), "");
  });

  test("a client that means another host is refused in the handshake", async () => {
    const ftp = await RawFtp.open(offered.ftpPort);
    await ftp.reply();
    await assert.rejects(ftp.secure({ servername: "mail.example" }));
    await ftp.ended();
    const right = await RawFtp.open(offered.ftpPort);
    await right.reply();
    await right.secure({ servername: "localhost" });
    right.destroy();
  });

  for (const version of VERSIONS) {
    test(`${version}: a certificate that is exchanged leaves sessions their data connections, and greets the next`, async () => {
      const before = await secured(offered.ftpPort, version);
      await before.ask("PBSZ 0");
      await before.ask("PROT P");
      assert.equal((await retrieve(before, before.session)).bytes.toString(), "the file");
      const first = fingerprintOf(before);
      const { cert: certificate, key } = await makeCertificate(["localhost"]);
      offered.send({ kind: "identity", by: "ftp", identity: { certificate, key } });
      // What is no pair changes nothing, and the worker says so.
      const other = await makeCertificate(["localhost"]);
      offered.send({ kind: "identity", by: "ftp", identity: { certificate: other.cert, key } });
      await offered.hear((answer) => answer.kind === "failed" && answer.code === "config.invalid");
      assert.equal((await retrieve(before, before.session, "big")).bytes.length, big.length);
      const next = await secured(offered.ftpPort, version);
      assert.notEqual(fingerprintOf(next), first);
      assert.equal(fingerprintOf(next), new X509Certificate(certificate).fingerprint256);
      // A session of the old one is nobody's on the new.
      await next.ask("PBSZ 0");
      await next.ask("PROT P");
      assert.match((await retrieve(next, before.session)).reply, /^522 /);
      assert.equal((await retrieve(next, next.session)).bytes.toString(), "the file");
      before.destroy();
      next.destroy();
    });
  }

  test("TLS 1.1, and of TLS 1.2 what is not forward secret or not authenticated, is not spoken", async () => {
    const attempts = [
      { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
      { maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256" },
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" },
    ] as const;
    for (const options of attempts) {
      const ftp = await RawFtp.open(offered.ftpPort);
      await ftp.reply();
      await assert.rejects(ftp.secure(options), JSON.stringify(options));
      await ftp.ended();
    }
  });

  test("where clients cannot resume, an option takes them", async () => {
    const ftp = await secured(unbound.ftpPort);
    await ftp.ask("PBSZ 0");
    await ftp.ask("PROT P");
    assert.equal((await retrieve(ftp, null)).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("a handshake that never comes, or never ends, does not hold a session", async () => {
    const ftp = await RawFtp.login(offered.ftpPort);
    assert.match(await ftp.ask("AUTH TLS"), /^503 /);
    ftp.destroy();
    const silent = await RawFtp.open(offered.ftpPort);
    await silent.reply();
    await silent.ask("AUTH TLS");
    silent.send(Buffer.from([0x16, 0x03, 0x01, 0x20, 0x00]));
    assert.equal((await retrieveAs(offered.ftpPort)).toString(), "the file");
    silent.destroy();
  });

  async function retrieveAs(port: number): Promise<Buffer> {
    const ftp = await RawFtp.login(port);
    const { bytes } = await ftp.transfer("RETR /one/a");
    ftp.destroy();
    return bytes;
  }

  test("curl and lftp, over a bound data connection", {
    skip: needsProgram("curl", "curl") || needsProgram("lftp", "lftp"),
  }, async () => {
    for (const more of [[], ["--ftp-ssl-ccc"], ["--tls-max", "1.2"]]) {
      const { stdout } = await run(
        "curl",
        ["-sS", "-f", "-k", "--ssl-reqd", ...more, `ftp://127.0.0.1:${required.ftpPort}/one/a`],
        { timeout: 15_000 },
      );
      assert.equal(stdout, "the file");
    }
    const commands =
      "set ssl:verify-certificate no; set ftp:ssl-force true; set ftp:ssl-allow-anonymous true; set net:max-retries 1; set net:timeout 5";
    const { stdout } = await run("lftp", ["-c", `${commands}; open ftp://127.0.0.1:${required.ftpPort}; cat one/a`], {
      timeout: 15_000,
    });
    assert.equal(stdout, "the file");
  });

  test("ftplib, where resuming is not asked for", { skip: needsProgram("python3", "python3") }, async () => {
    const script = `
import ftplib, io, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
ftp = ftplib.FTP_TLS(context=context); ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=5); ftp.login()
ftp.prot_c(); got = io.BytesIO(); ftp.retrbinary("RETR one/a", got.write)
ftp.prot_p(); ftp.retrbinary("RETR one/a", got.write); print(got.getvalue()); print(ftp.nlst("one")); ftp.quit()`;
    const { stdout } = await run("python3", ["-c", script, String(unbound.ftpPort)], { timeout: 15_000 });
    assert.equal(stdout, "b'the filethe file'\n['one/a', 'one/big', 'one/kept']\n");
  });
});
