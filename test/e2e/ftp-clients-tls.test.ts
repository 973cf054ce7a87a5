import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import { Client } from "basic-ftp";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ClientDesk, LOOPBACKS, shownHost } from "../fixtures/client-desk.ts";
import { needs, needsFile, needsProgram } from "../fixtures/needs.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";
import { makeCertificate } from "../upstream/certificate.ts";

const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

/** The clients that speak TLS, against a channel that does nothing without. */
for (const host of LOOPBACKS) {
  describe(`real FTP clients under TLS, at ${host}`, () => {
    let folder: ChannelFolder;
    /** Data connections bound to their session; and not, for clients that cannot. */
    let serve: ServeProcess;
    let unbound: ServeProcess;
    let desk: ClientDesk;
    let port = 0;

    before(async () => {
      folder = await ChannelFolder.make();
      await folder.revision("one", 1, { "data.bin": body, "small.txt": "0123456789", "pool/deep/ü.txt": "umlaut" });
      await folder.point("staging", { one: 1 });
      const { cert: certificate, key } = await makeCertificate(["localhost"]);
      const tls = { required: true, certificate, key, boundData: true };
      serve = await ServeProcess.start(folder, { ftp: ftpStart({ host, active: true, tls }) });
      unbound = await ServeProcess.start(folder, {
        ftp: ftpStart({ host, active: true, tls: { ...tls, boundData: false } }),
      });
      port = serve.ftpPort;
    });

    beforeEach(async () => {
      desk = await ClientDesk.make(folder.root);
    });

    after(async () => {
      await serve?.stop();
      await unbound?.stop();
      await folder?.end();
    });

    for (const version of ["1.2", "1.3"]) {
      test(`curl, TLS ${version}: download, resume, listing`, { skip: needsProgram("curl", "curl") }, async () => {
        const base = `ftp://${shownHost(host)}:${port}`;
        const flags = ["-sS", "-f", "-k", "--ssl-reqd", `--tlsv${version}`, "--tls-max", version];
        await desk.run("curl", [...flags, "-o", "data.bin", `${base}/one/data.bin`]);
        await desk.gives("data.bin", body);
        await writeFile(desk.at("data.bin"), body.subarray(0, 70_000));
        await desk.run("curl", [...flags, "-C", "-", "-o", "data.bin", `${base}/one/data.bin`]);
        await desk.gives("data.bin", body);
        assert.equal(await desk.run("curl", [...flags, "-l", `${base}/one/`]), "data.bin\npool\nsmall.txt\n");
        // Told to go without, it is refused before it has said who it is.
        await assert.rejects(desk.run("curl", ["-sS", "-f", `${base}/one/small.txt`]));
      });
    }

    for (const mode of ["on", "off"]) {
      test(`lftp, passive mode ${mode}: download, resume, mirror`, { skip: needsProgram("lftp", "lftp") }, async () => {
        const lftp = (...commands: readonly string[]): Promise<string> => {
          const set = [
            "net:max-retries 1",
            "net:timeout 5",
            "cmd:fail-exit yes",
            "ssl:verify-certificate no",
            "ftp:ssl-force true",
            "ftp:ssl-allow-anonymous true",
            "ftp:ssl-protect-data true",
            `ftp:passive-mode ${mode}`,
          ].map((one) => `set ${one}`);
          return desk.run("lftp", ["-c", [...set, `open ftp://${shownHost(host)}:${port}`, ...commands].join("; ")]);
        };
        await lftp("get one/data.bin");
        await desk.gives("data.bin", body);
        await writeFile(desk.at("data.bin"), body.subarray(0, 1_234_567));
        await lftp("get -c one/data.bin");
        await desk.gives("data.bin", body);
        await lftp("mirror one m");
        await desk.gives("m/data.bin", body);
        await desk.gives("m/pool/deep/ü.txt", "umlaut");
        await rm(desk.at("m"), { recursive: true });
      });
    }

    test("wget: download, resume", { skip: needsProgram("wget", "wget") }, async () => {
      const wget = (...args: readonly string[]): Promise<string> =>
        desk.run("wget", ["-nv", "--no-check-certificate", ...args, `ftps://${shownHost(host)}:${port}/one/data.bin`]);
      await wget();
      await desk.gives("data.bin", body);
      await writeFile(desk.at("data.bin"), body.subarray(0, 12_345));
      await wget("-c");
      await desk.gives("data.bin", body);
    });

    test("ftplib, with the session of its control connection, and without where that is not asked for", {
      skip: needsProgram("python3", "python3"),
    }, async () => {
      const script = `
import ftplib, io, ssl, sys
class Bound(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p: conn = self.context.wrap_socket(conn, session=self.sock.session)
        return conn, size
host, version = sys.argv[1], getattr(ssl.TLSVersion, sys.argv[4])
for kind, port in ((Bound, sys.argv[2]), (ftplib.FTP_TLS, sys.argv[3])):
    context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    ftp = kind(context=context); ftp.connect(host, int(port), timeout=5); ftp.login(); ftp.prot_p()
    for passive in (True, False):
        ftp.set_pasv(passive)
        for rest in (None, 1000):
            got = io.BytesIO(); ftp.retrbinary("RETR one/data.bin", got.write, rest=rest); print(len(got.getvalue()))
        print(ftp.nlst("one"))
    open("data.bin", "wb").write(b""); ftp.retrbinary("RETR one/data.bin", open("data.bin", "ab").write)
    ftp.quit()`;
      const listing = "['one/data.bin', 'one/pool', 'one/small.txt']";
      for (const version of ["TLSv1_2", "TLSv1_3"]) {
        const said = await desk.run("python3", ["-c", script, host, String(port), String(unbound.ftpPort), version]);
        const each = ["3000000", "2999000", listing];
        assert.deepEqual(said.trim().split("\n"), [...each, ...each, ...each, ...each]);
        await desk.gives("data.bin", body);
      }
    });

    test("perl Net::FTP, active by itself, and passive", {
      skip: needs(
        needsProgram("perl", "perl"),
        needsFile("/usr/share/perl5/IO/Socket/SSL.pm", "libio-socket-ssl-perl"),
      ),
    }, async () => {
      const script = `
use Net::FTP; my $f = Net::FTP->new($ARGV[0], Port => $ARGV[1], Passive => $ARGV[2], Timeout => 5,
  SSL_verify_mode => 0, SSL_version => $ARGV[3]) or die $@;
$f->starttls or die $f->message; $f->prot("P") or die; $f->login("anonymous", "me@") or die $f->message; $f->binary; $f->cwd("one") or die;
$f->get("data.bin") or die $f->message; print join(",", $f->ls), "\\n"; $f->quit;`;
      // It looks for the session to resume under the data port's own number, and finds none.
      for (const version of ["TLSv12", "TLSv13"]) {
        for (const passive of ["0", "1"]) {
          const said = await desk.run("perl", ["-e", script, host, String(unbound.ftpPort), passive, version]);
          assert.equal(said, "data.bin,pool,small.txt\n");
          await desk.gives("data.bin", body);
        }
      }
    });

    test("basic-ftp: download, resume, listing", async () => {
      const client = new Client(5_000);
      try {
        await client.access({ host, port, secure: true, secureOptions: { rejectUnauthorized: false } });
        await client.downloadTo(desk.at("data.bin"), "one/data.bin");
        await desk.gives("data.bin", body);
        await writeFile(desk.at("data.bin"), body.subarray(0, 9_999));
        await client.downloadTo(desk.at("data.bin"), "one/data.bin", 9_999);
        await desk.gives("data.bin", body);
        const names = (await client.list("one")).map(({ name, isDirectory, size }) => [name, isDirectory, size]);
        assert.deepEqual(names, [
          ["data.bin", false, 3_000_000],
          ["pool", true, 0],
          ["small.txt", false, 10],
        ]);
      } finally {
        client.close();
      }
    });
  });
}
