import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import { Client } from "basic-ftp";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ClientDesk, LOOPBACKS, shownHost } from "../fixtures/client-desk.ts";
import { needsFile, needsProgram } from "../fixtures/needs.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const SIZE = 24_000_000;
/** Bytes after which a client is killed. */
const SOME = 300_000;

/** A client that is killed in a transfer goes on where it was, and the server has noticed nothing. */
for (const host of LOOPBACKS) {
  describe(`real FTP clients that are killed and come again, at ${host}`, () => {
    const v6 = host.includes(":");
    let folder: ChannelFolder;
    let serve: ServeProcess;
    let desk: ClientDesk;
    let url = "";
    const body = randomBytes(SIZE);

    before(async () => {
      folder = await ChannelFolder.make();
      await folder.revision("one", 1, { "data.bin": body });
      await folder.point("staging", { one: 1 });
      serve = await ServeProcess.start(folder, { ftp: ftpStart({ host, active: true }) });
      url = `ftp://${shownHost(host)}:${serve.ftpPort}/one/data.bin`;
    });

    beforeEach(async () => {
      desk = await ClientDesk.make(folder.root);
    });

    after(async () => {
      await serve?.stop();
      await folder?.end();
    });

    /** Kills the first run in the middle, lets the second end, and looks that another client is served. */
    async function resumes(
      program: string,
      first: readonly string[],
      second: readonly string[],
      temporary = "data.bin",
    ): Promise<void> {
      const bytes = await desk.interrupted(program, first, temporary, SOME);
      assert.ok(bytes >= SOME && bytes < SIZE, `${bytes} bytes when it was killed`);
      await desk.run(program, second);
      await desk.gives("data.bin", body);
      const other = await RawFtp.login(serve.ftpPort, undefined, host);
      assert.match(await other.ask("SIZE /one/data.bin"), /^213 24000000$/);
      other.destroy();
    }

    test("curl", { skip: needsProgram("curl", "curl") }, async () => {
      const args = ["-sS", "-f", "-o", "data.bin", "-C", "-", url];
      // It reads a hundred buffers before it looks at the rate, each as large as the rate of a second: less than the file.
      await resumes("curl", ["--limit-rate", "50K", ...args], args);
    });

    test("wget", { skip: needsProgram("wget", "wget") }, async () => {
      await resumes("wget", ["-q", "--limit-rate=2m", url], ["-q", "-c", url]);
    });

    test("lftp", { skip: needsProgram("lftp", "lftp") }, async () => {
      const get = (rate: number): string[] => ["-c", `set net:limit-rate ${rate}; get -c ${url}`];
      await resumes("lftp", get(2_000_000), get(0));
    });

    test("tnftp", { skip: needsProgram("tnftp", "tnftp") }, async () => {
      await resumes("tnftp", ["-T", "get,2m", "-o", "data.bin", url], ["-R", "-o", "data.bin", url]);
    });

    test("ncftpget", { skip: needsProgram("ncftpget", "ncftp") || (v6 && "it has no IPv6") }, async () => {
      const to = ["-P", String(serve.ftpPort), host, ".", "/one/data.bin"];
      await resumes("sh", ["-c", cut(`ncftpget -V ${to.join(" ")}`)], ["-c", `ncftpget -V -z ${to.join(" ")}`]);
    });

    test("inetutils ftp", {
      skip: needsProgram("inetutils-ftp", "inetutils-ftp") || (v6 && "it has no EPRT"),
    }, async () => {
      const script = (get: string): string =>
        `printf 'user anonymous me@\\nbinary\\ncd one\\n${get} data.bin\\nquit\\n' | inetutils-ftp -n -i -p ${host} ${serve.ftpPort}`;
      await resumes("sh", ["-c", cut(script("get"))], ["-c", script("reget")]);
    });

    test("busybox wget", { skip: needsProgram("busybox", "busybox") }, async () => {
      await resumes("sh", ["-c", cut(`busybox wget -q ${url}`)], ["-c", `busybox wget -q -c ${url}`]);
    });

    test("aria2, four connections", { skip: needsProgram("aria2c", "aria2") }, async () => {
      const args = ["-q", "-x4", "-s4", "-k1M", "--file-allocation=none", "--auto-save-interval=1", url];
      await resumes(
        "aria2c",
        ["--max-overall-download-limit=3M", ...args],
        ["--max-overall-download-limit=20M", ...args],
      );
    });

    test("axel, four connections", { skip: needsProgram("axel", "axel") || (v6 && "it has no EPSV") }, async () => {
      const args = ["-q", "-n4", "-o", "data.bin", url];
      await resumes("axel", ["-s", "2000000", ...args], args);
    });

    test("python ftplib", { skip: needsProgram("python3", "python3") }, async () => {
      const script = (pause: number): string => `
import ftplib, os, sys, time
ftp = ftplib.FTP(); ftp.connect(sys.argv[1], int(sys.argv[2]), timeout=5); ftp.login()
out = open("data.bin", "ab", buffering=0)
def keep(bytes): out.write(bytes); time.sleep(${pause})
ftp.retrbinary("RETR one/data.bin", keep, rest=os.path.getsize("data.bin") or None); ftp.quit()`;
      const args = (pause: number): readonly string[] => ["-c", script(pause), host, String(serve.ftpPort)];
      await resumes("python3", args(0.01), args(0));
    });

    test("perl Net::FTP", { skip: needsProgram("perl", "perl") }, async () => {
      const script = `
use Net::FTP; my $f = Net::FTP->new($ARGV[0], Port => $ARGV[1], Timeout => 5) or die $@;
$f->login("anonymous", "me@") or die; $f->binary; my $at = -s "data.bin" || 0; open(my $out, ">>", "data.bin") or die; $out->autoflush(1); binmode $out;
$f->restart($at); my $d = $f->retr("one/data.bin") or die; my $b;
while ($d->read($b, 65536)) { print $out $b; select(undef, undef, undef, $ARGV[2]) if $ARGV[2] } $d->close; $f->quit;`;
      const args = (pause: string): readonly string[] => ["-e", script, host, String(serve.ftpPort), pause];
      await resumes("perl", args("0.02"), args("0"));
    });

    test("apt's ftp method", { skip: needsFile("/usr/lib/apt/methods/ftp", "apt") }, async () => {
      const said = `601 Configuration\\nConfig-Item: APT::Sandbox::User=\\nConfig-Item: Acquire::ftp::Timeout=5\\n\\n600 URI Acquire\\nURI: ${url}\\nFilename: ${desk.at("data.bin")}\\n\\n`;
      const method = `printf '${said}' | /usr/lib/apt/methods/ftp`;
      await resumes("sh", ["-c", cut(method)], ["-c", method]);
    });

    test("basic-ftp", async () => {
      const client = new Client(5_000);
      const again = new Client(5_000);
      try {
        await client.access({ host, port: serve.ftpPort });
        client.trackProgress(({ bytes }) => {
          if (bytes > SOME) client.close();
        });
        await assert.rejects(client.downloadTo(desk.at("data.bin"), "one/data.bin"));
        const { size } = await stat(desk.at("data.bin"));
        await again.access({ host, port: serve.ftpPort });
        await again.downloadTo(desk.at("data.bin"), "one/data.bin", size);
        await desk.gives("data.bin", body);
      } finally {
        client.close();
        again.close();
      }
    });
  });
}

/** For clients without a rate of their own: the system ends them with the first byte past 2 MB of their file. */
function cut(command: string): string {
  return `ulimit -f 4000; ${command}`;
}
