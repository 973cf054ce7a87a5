import assert from "node:assert/strict";
import { rm, stat, writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import { Client } from "basic-ftp";
import { ChannelFolder, MOVED_AT } from "../fixtures/channel-folder.ts";
import { ClientDesk, LOOPBACKS, shownHost } from "../fixtures/client-desk.ts";
import { needsFile, needsProgram } from "../fixtures/needs.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

/** What this machine has of real clients, each with what it sends by itself. */
const needsCurl = needsProgram("curl", "curl");
const needsWget = needsProgram("wget", "wget");
const APT_METHOD = needsFile("/usr/lib/apt/methods/ftp", "apt");
const needsPython = needsProgram("python3", "python3");

for (const host of LOOPBACKS) {
  describe(`real FTP clients, at ${host}`, () => {
    let folder: ChannelFolder;
    let serve: ServeProcess;
    let desk: ClientDesk;
    let base = "";
    const at = (name: string): string => desk.at(name);
    const client = (program: string, args: readonly string[], input = ""): Promise<string> =>
      desk.run(program, args, input);
    const gives = (name: string, content: Uint8Array | string): Promise<void> => desk.gives(name, content);

    before(async () => {
      folder = await ChannelFolder.make();
      await folder.revision("one", 1, {
        "data.bin": body,
        "small.txt": "0123456789",
        "pool/g++_12 x.deb": "plus",
        "pool/deep/ü.txt": "umlaut",
        empty: "",
      });
      await folder.point("staging", { one: 1 });
      serve = await ServeProcess.start(folder, { ftp: ftpStart({ host, active: true }) });
      base = `ftp://${shownHost(host)}:${serve.ftpPort}`;
    });

    beforeEach(async () => {
      desk = await ClientDesk.make(folder.root);
    });

    after(async () => {
      await serve?.stop();
      await folder?.end();
    });

    test("curl: download, listings, resume, range, head, PORT, EPRT", { skip: needsCurl }, async () => {
      const out = ["-sS", "-f", "-o", "data.bin"];
      await client("curl", [...out, `${base}/one/data.bin`]);
      await gives("data.bin", body);
      for (const more of [
        ["--disable-epsv"],
        ["--ftp-method", "nocwd"],
        ["--ftp-method", "singlecwd"],
        ["-P", "-"],
        ["-P", "-", "--disable-eprt"],
      ]) {
        if (host.includes(":") && more.some((one) => one.startsWith("--disable-e"))) continue;
        await client("curl", [...out, ...more, `${base}/one/data.bin`]);
        await gives("data.bin", body);
      }
      await writeFile(at("data.bin"), body.subarray(0, 70_000));
      await client("curl", [...out, "-C", "-", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await client("curl", [...out, "-r", "1000-1999", `${base}/one/data.bin`]);
      await gives("data.bin", body.subarray(1_000, 2_000));
      assert.equal(await client("curl", ["-sS", "-f", `${base}/one/pool/g++_12%20x.deb`]), "plus");
      assert.equal(await client("curl", ["-sS", "-f", `${base}/one/pool/deep/%C3%BC.txt`]), "umlaut");
      assert.equal(await client("curl", ["-sS", "-f", `${base}/one/empty`]), "");
      assert.match(await client("curl", ["-sS", "-f", `${base}/one/`]), /^-r--r--r--.* 3000000 .* data\.bin\r?$/m);
      assert.equal(await client("curl", ["-sS", "-f", "-l", `${base}/one/`]), "data.bin\nempty\npool\nsmall.txt\n");
      const head = await client("curl", ["-sS", "-f", "-I", `${base}/one/data.bin`]);
      assert.match(head, /Content-Length: 3000000\r?\n/);
      assert.ok(head.includes(new Date(MOVED_AT + 1_000).toUTCString().slice(0, 25)), head);
      await assert.rejects(client("curl", ["-sS", "-f", `${base}/one/absent`]));
    });

    test("curl: two files on one session, and which channel it is", { skip: needsCurl }, async () => {
      await client("curl", ["-sS", "-f", "-o", "a", `${base}/one/data.bin`, "-o", "b", `${base}/one/small.txt`]);
      await gives("a", body);
      await gives("b", "0123456789");
      assert.deepEqual(JSON.parse(await client("curl", ["-sS", "-f", `${base}/.ringfort/channel`])), {
        ringfort: 1,
        channel: "staging",
      });
    });

    test("wget: download, resume, timestamps, recursive, active", { skip: needsWget }, async () => {
      await client("wget", ["-q", "-N", `${base}/one/data.bin`]);
      // From a listing, which has no seconds.
      assert.equal((await stat(at("data.bin"))).mtimeMs, MOVED_AT);
      assert.doesNotMatch(await client("wget", ["-nv", "-N", `${base}/one/data.bin`]), /-> "data/);
      await writeFile(at("data.bin"), body.subarray(0, 12_345));
      await client("wget", ["-q", "-c", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await client("wget", ["-q", "--no-passive-ftp", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await client("wget", ["-q", "-r", "-nH", "-P", "tree", `${base}/`]);
      await gives("tree/one/data.bin", body);
      await gives("tree/one/pool/g++_12 x.deb", "plus");
      await gives("tree/one/pool/deep/ü.txt", "umlaut");
    });

    test("lftp: get, resume, pget, mirror by LIST and by MLSD, active", {
      skip: needsProgram("lftp", "lftp"),
    }, async () => {
      const lftp = (...commands: readonly string[]): Promise<string> => {
        const set = [
          "set net:max-retries 1",
          "set net:timeout 5",
          "set cmd:fail-exit yes",
          "set net:reconnect-interval-base 1",
        ];
        return client("lftp", ["-c", [...set, `open ${base}`, ...commands].join("; ")]);
      };
      await lftp("get one/data.bin");
      await gives("data.bin", body);
      await writeFile(at("data.bin"), body.subarray(0, 1_234_567));
      await lftp("get -c one/data.bin");
      await gives("data.bin", body);
      await lftp("pget -n 3 one/data.bin");
      await gives("data.bin", body);
      for (const listing of ["true", "false"]) {
        await lftp(`set ftp:use-mlsd ${listing}`, "mirror one m");
        await gives("m/data.bin", body);
        await gives("m/pool/deep/ü.txt", "umlaut");
        await rm(at("m"), { recursive: true });
      }
      await lftp("set ftp:passive-mode off", "get one/data.bin");
      await gives("data.bin", body);
      assert.match(await lftp("cls -1 one"), /^one\/data\.bin$/m);
    });

    test("tnftp: by address, resume, an interactive session, active", {
      skip: needsProgram("tnftp", "tnftp"),
    }, async () => {
      await client("tnftp", ["-o", "data.bin", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await writeFile(at("data.bin"), body.subarray(0, 99_999));
      await client("tnftp", ["-R", "-o", "data.bin", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      const script = [
        "cd one",
        "ls",
        "nlist",
        "binary",
        "get data.bin",
        "cd pool/deep",
        "get ü.txt",
        "pwd",
        "quit",
        "",
      ].join("\n");
      for (const mode of ["-p", "-A"]) {
        const said = await client("tnftp", ["-a", mode, "-P", String(serve.ftpPort), host], script);
        assert.match(said, /small\.txt/);
        await gives("data.bin", body);
        await gives("ü.txt", "umlaut");
      }
    });

    test("inetutils ftp: active by itself, SYST before USER, mget", {
      skip: needsProgram("inetutils-ftp", "inetutils-ftp") || (host.includes(":") && "it has no EPRT"),
    }, async () => {
      const script = [
        "user anonymous me@",
        "binary",
        "cd one",
        "ls",
        "get data.bin",
        "mget small.txt",
        "quit",
        "",
      ].join("\n");
      for (const mode of [[], ["-p"]]) {
        const said = await client("inetutils-ftp", ["-n", "-i", ...mode, host, String(serve.ftpPort)], script);
        assert.match(said, /small\.txt/);
        await gives("data.bin", body);
        await gives("small.txt", "0123456789");
      }
    });

    test("ncftp: get, resume, ls, a whole tree, active", {
      skip: needsProgram("ncftpget", "ncftp") || (host.includes(":") && "it has no IPv6"),
    }, async () => {
      const to = ["-P", String(serve.ftpPort), host, "."];
      await client("ncftpget", [...to, "/one/data.bin"]);
      await gives("data.bin", body);
      await writeFile(at("data.bin"), body.subarray(0, 77_777));
      await client("ncftpget", ["-z", ...to, "/one/data.bin"]);
      await gives("data.bin", body);
      await client("ncftpget", ["-E", ...to, "/one/data.bin"]);
      await gives("data.bin", body);
      await client("ncftpget", ["-R", ...to, "/one/pool"]);
      await gives("pool/g++_12 x.deb", "plus");
      assert.match(
        await client("ncftpls", ["-P", String(serve.ftpPort), "-l", `ftp://${host}/one/`]),
        /3000000 .*data\.bin/,
      );
    });

    test("busybox: wget, resume, ftpget", { skip: needsProgram("busybox", "busybox") }, async () => {
      await client("busybox", ["wget", "-q", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await writeFile(at("data.bin"), body.subarray(0, 55_555));
      await client("busybox", ["wget", "-q", "-c", `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await client("busybox", ["ftpget", "-P", String(serve.ftpPort), host, "data.bin", "one/data.bin"]);
      await gives("data.bin", body);
    });

    test("aria2: four connections, each from its offset", { skip: needsProgram("aria2c", "aria2") }, async () => {
      // Slowed down: on loopback its first session takes all before the last has come to REST; that one then gives up a
      // connection that it has pooled away, and waits for ever (seen with other servers too, where they are as quick).
      const four = ["-x4", "-s4", "-k1M", "--max-overall-download-limit=8M", "--file-allocation=none"];
      await client("aria2c", ["-q", ...four, `${base}/one/data.bin`]);
      await gives("data.bin", body);
      await client("aria2c", ["-q", "--ftp-pasv=false", `${base}/one/data.bin`]);
      await gives("data.bin", body);
    });

    test("axel: four connections", {
      skip: needsProgram("axel", "axel") || (host.includes(":") && "it has no EPSV"),
    }, async () => {
      await client("axel", ["-q", "-n4", "-o", "data.bin", `${base}/one/data.bin`]);
      await gives("data.bin", body);
    });

    test("lynx: a folder tried as a file first, listed over the same port", {
      skip: needsProgram("lynx", "lynx"),
    }, async () => {
      assert.match(await client("lynx", ["-dump", `${base}/one/`]), /small\.txt/);
      assert.equal(await client("lynx", ["-source", `${base}/one/small.txt`]), "0123456789");
    });

    test("python: ftplib's listings and offsets, urllib", { skip: needsPython }, async () => {
      const script = `
import ftplib, io, sys, urllib.request
host, port, base = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ftp = ftplib.FTP(); ftp.connect(host, port, timeout=5); ftp.login()
for passive in (True, False):
    ftp.set_pasv(passive)
    got = io.BytesIO(); ftp.retrbinary("RETR one/data.bin", got.write, rest=1000); print(len(got.getvalue()))
    print(ftp.nlst("one")); print(sorted(n for n, f in ftp.mlsd("one", ["type", "size"])))
    lines = []; ftp.retrlines("LIST -la one", lines.append); print(len(lines))
print(ftp.size("one/data.bin"), ftp.sendcmd("MDTM one/data.bin"), ftp.pwd())
ftp.cwd("one/pool"); ftp.cwd(".."); print(ftp.pwd())
data = ftp.transfercmd("RETR data.bin"); data.recv(10); data.close()
try: print(ftp.voidresp())
except ftplib.error_temp as e: print(str(e)[:3])
print(ftp.sendcmd("NOOP")[:3]); ftp.quit()
if ":" in host: sys.exit() # urllib asks for an address with its brackets on
print(len(urllib.request.urlopen(base + "/one/data.bin").read()), urllib.request.urlopen(base + "/one/small.txt").read())
`;
      const said = await client("python3", ["-c", script, host, String(serve.ftpPort), base]);
      const listing = [
        "['one/data.bin', 'one/empty', 'one/pool', 'one/small.txt']",
        "['data.bin', 'empty', 'pool', 'small.txt']",
        "4",
      ];
      assert.deepEqual(said.trim().split("\n"), [
        "2999000",
        ...listing,
        "2999000",
        ...listing,
        "3000000 213 20261123140001 /",
        "/one",
        "426",
        "200",
        ...(host.includes(":") ? [] : ["3000000 b'0123456789'"]),
      ]);
    });

    test("apt's ftp method, as apt speaks to it", { skip: APT_METHOD }, async () => {
      // Without its own user: the folder is ours.
      const configured = (passive: boolean): string =>
        `601 Configuration\nConfig-Item: APT::Sandbox::User=\nConfig-Item: Acquire::ftp::Timeout=5\nConfig-Item: Acquire::ftp::Passive=${passive}\n\n`;
      const wanted = `600 URI Acquire\nURI: ${base}/one/data.bin\nFilename: ${at("data.bin")}\n\n`;
      for (const passive of [true, false]) {
        const said = await client("/usr/lib/apt/methods/ftp", [], configured(passive) + wanted);
        assert.match(said, /^201 URI Done\n(?:.+\n)*Size: 3000000\n/m);
        assert.match(said, /^Last-Modified: Mon, 23 Nov 2026 14:00:01 (?:GMT|\+0000)$/m);
        await gives("data.bin", body);
      }
    });

    test("perl Net::FTP, active by itself, and passive", { skip: needsProgram("perl", "perl") }, async () => {
      const script = `
use Net::FTP; my $f = Net::FTP->new($ARGV[0], Port => $ARGV[1], Passive => $ARGV[2], Timeout => 5) or die $@;
$f->login("anonymous", "me@") or die; $f->binary; $f->cwd("one") or die; $f->get("data.bin") or die;
print join(",", $f->ls), " ", $f->size("data.bin"), " ", $f->mdtm("data.bin"), " ", scalar(@{$f->dir}), " ", $f->supported("MDTM"), "\\n"; $f->quit;`;
      for (const passive of ["0", "1"]) {
        const said = await client("perl", ["-e", script, host, String(serve.ftpPort), passive]);
        assert.match(said, /^data\.bin,empty,pool,small\.txt 3000000 \d+ 4 1\n$/);
        await gives("data.bin", body);
      }
    });

    test("basic-ftp: download, resume, listings by LIST and MLSD", async () => {
      const client = new Client(5_000);
      try {
        await client.access({ host, port: serve.ftpPort });
        await client.downloadTo(at("data.bin"), "one/data.bin");
        await gives("data.bin", body);
        await writeFile(at("data.bin"), body.subarray(0, 9_999));
        await client.downloadTo(at("data.bin"), "one/data.bin", 9_999);
        await gives("data.bin", body);
        assert.equal(await client.size("one/data.bin"), 3_000_000);
        assert.equal((await client.lastMod("one/data.bin")).getTime(), MOVED_AT + 1_000);
        for (const command of ["LIST", "LIST -a", "MLSD"]) {
          client.availableListCommands = [command];
          const names = (await client.list("one")).map(({ name, isDirectory, size }) => [name, isDirectory, size]);
          assert.deepEqual(names, [
            ["data.bin", false, 3_000_000],
            ["empty", false, 0],
            ["pool", true, 0],
            ["small.txt", false, 10],
          ]);
        }
      } finally {
        client.close();
      }
    });
  });
}
