import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, afterEach, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { unsentBytes } from "../../src/serve/unsent-bytes.ts";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const run = promisify(execFile);

const WRITING = [
  "STOR a",
  "STOU",
  "APPE a",
  "DELE /one/a",
  "RMD /one",
  "XRMD /one",
  "MKD x",
  "XMKD x",
  "RNFR /one/a",
  "RNTO b",
  "SMNT /",
  "MFMT 20200101000000 /one/a",
  "MFCT 20200101000000 /one/a",
  "MFF Modify=20200101000000; /one/a",
  "SITE CHMOD 777 /one/a",
  "SITE EXEC id",
  "SITE CPFR /etc/passwd",
  "SITE CPTO /one/a",
  "SITE SYMLINK a b",
  "SITE UTIME 20200101 /one/a",
  "COMB a b",
];

describe("FTP commands that are none", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, {
      a: "the file",
      big: 80_000_000,
      ...Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`d${i % 20}/f${i}`, ""])),
    });
    await folder.point("staging", { one: 1 });
    serve = await ServeProcess.start(folder, {
      ftp: ftpStart({ limits: { sessionsPerClient: 100, commandsPerMinute: 100_000_000 } }),
    });
  });

  // After each attack the server is there, and serves others.
  afterEach(() => alive());

  after(async () => {
    await serve.stop();
    await folder.end();
  });

  const alive = async (ftp?: RawFtp): Promise<void> => {
    const client = ftp ?? (await RawFtp.login(serve.ftpPort));
    assert.equal((await client.transfer("RETR /one/a")).bytes.toString(), "the file");
    client.destroy();
  };

  test("no verb writes", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    for (const line of WRITING) assert.match(await ftp.ask(line), /^50[04] /, line);
    // A time in front of the name would set it.
    assert.match(await ftp.ask("MDTM 20200101000000 /one/a"), /^550 /);
    await alive(ftp);
  });

  test("a line too long, or one without an end, is refused in bounded memory, and the session ends", async () => {
    for (const bytes of [`USER ${"a".repeat(600)}\r\n`, "A".repeat(2_000_000), "\0".repeat(600), " ".repeat(600)]) {
      const ftp = await RawFtp.open(serve.ftpPort);
      await ftp.reply();
      ftp.send(bytes);
      assert.match(await ftp.reply(), /^500 Too long|^$/);
      await ftp.ended();
    }
    const fits = await RawFtp.open(serve.ftpPort);
    await fits.reply();
    assert.match(await fits.ask(`NOOP ${"a".repeat(505)}`), /^200 /);
    await alive();
  });

  test("telnet floods hit the same ceiling; telnet in a line is taken out of it", async () => {
    for (const pattern of [[0xff, 0xff], [0xff, 0xf4], [0xff, 0xfb, 0x01], [0xff, 0xfa, 0x01], [0xff]]) {
      const ftp = await RawFtp.open(serve.ftpPort);
      await ftp.reply();
      ftp.send(Buffer.from(Array.from({ length: 2_000 }, () => pattern).flat()));
      assert.match(await ftp.reply(), /^500 Too long|^$/);
      await ftp.ended();
    }
    const ftp = await RawFtp.login(serve.ftpPort);
    ftp.send(
      Buffer.concat([
        Buffer.from("NO"),
        Buffer.from([0xff, 0xfb, 0x01, 0xff, 0xfa, 1, 2, 0xff, 0xf0]),
        Buffer.from("OP\r\n"),
      ]),
    );
    assert.match(await ftp.reply(), /^200 /);
    await alive(ftp);
  });

  test("ABOR behind telnet's urgent bytes ends a transfer: 426 for it, 226 for itself", async () => {
    // In the stream, and with the last byte sent beside it, so that FF stands before the A.
    for (const before of [[0xff, 0xf4, 0xff, 0xf2], [0xff, 0xf4, 0xff], []]) {
      const ftp = await RawFtp.login(serve.ftpPort);
      const data = await ftp.data();
      data.pause();
      assert.match(await ftp.ask("RETR /one/big"), /^150 /);
      ftp.send(Buffer.from([...before, ...Buffer.from("ABOR\r\n")]));
      assert.match(await ftp.reply(), /^426 /);
      assert.match(await ftp.reply(), /^226 /);
      assert.match(await ftp.ask("ABOR"), /^226 /);
      data.destroy();
      await alive(ftp);
    }
  });

  test("ABOR as ftplib and Net::FTP send it, its last byte beside the stream", {
    skip: needs(needsProgram("python3", "python3"), needsProgram("perl", "perl")),
  }, async () => {
    const python = `
import ftplib, sys
ftp = ftplib.FTP(); ftp.connect("127.0.0.1", int(sys.argv[1]), timeout=5); ftp.login()
data = ftp.transfercmd("RETR one/big"); data.recv(10)
print(ftp.abort()[:3], ftp.getresp()[:3], ftp.sendcmd("NOOP")[:3]); ftp.quit()`;
    const perl = `
use Net::FTP; my $f = Net::FTP->new("127.0.0.1", Port => $ARGV[0], Timeout => 5, Passive => 1) or die; $f->login("anonymous", "x") or die;
my $d = $f->retr("one/big") or die; my $b; $d->read($b, 100); print $f->abort ? "yes " : "no ", $f->pwd, "\n"; $f->quit;`;
    for (const [program, script, said] of [
      ["python3", python, "426 226 200\n"],
      ["perl", perl, "yes /\n"],
    ] as const) {
      const flag = program === "perl" ? "-e" : "-c";
      const { stdout } = await run(program, [flag, script, String(serve.ftpPort)], { timeout: 15_000 });
      assert.equal(stdout, said);
    }
  });

  test("HTTP, mail and TLS end the session at once, and get no word back", async () => {
    const foreign = [
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nUSER anonymous\r\nPASS x\r\n",
      "OPTIONS * HTTP/1.0\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "Host: x\r\nUSER anonymous\r\n",
      "EHLO x\r\n",
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    ];
    for (const bytes of foreign) {
      for (const start of ["", "USER anonymous\r\nPASS x\r\n"]) {
        const ftp = await RawFtp.open(serve.ftpPort);
        await ftp.reply();
        if (start !== "") {
          ftp.send(start);
          await ftp.reply();
          await ftp.reply();
        }
        ftp.send(bytes);
        await ftp.ended();
        assert.equal(await ftp.reply(), "");
      }
    }
    await alive();
  });

  test("STAT, globs and LIST -R cost no more than one folder", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    assert.match(await ftp.ask("STAT /one"), /^504 /);
    assert.equal((await ftp.ask("STAT /one/a")).split("\n").length, 3);
    for (const glob of [`/${"{a,b}*".repeat(20)}`, "/*/../*/../*/../*", "/one/d*/f*", "/one/?????????????*"])
      assert.match((await ftp.transfer(`NLST ${glob}`)).reply, /^550 /);
    assert.equal((await ftp.transfer("LIST -laR /one")).bytes.toString().split("\r\n").length, 23);
    await alive(ftp);
  });

  test("commands sent ahead are answered in order, a flood of them without a pause for others", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    ftp.send("NOOP\r\n".repeat(20_000));
    const began = performance.now();
    await alive();
    assert.ok(performance.now() - began < 2_000);
    for (let i = 0; i < 100; i++) assert.match(await ftp.reply(), /^200 /);
    ftp.destroy();
    const lines = await RawFtp.login(serve.ftpPort);
    lines.send("PWD\nTYPE I\r\nNOOP\r\nXYZZY\r\nSYST\r\n");
    const codes: string[] = [];
    for (let i = 0; i < 5; i++) codes.push((await lines.reply()).slice(0, 3));
    assert.deepEqual(codes, ["257", "200", "200", "500", "215"]);
    await alive(lines);
  });

  test("a client that sends commands and reads no reply is not answered without end", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    ftp.socket.pause();
    const help = Buffer.from("HELP\r\n".repeat(100_000));
    // More than the system's own buffers between the two hold.
    for (let i = 0; i < 60 && ftp.socket.writableLength < 20_000_000; i++) {
      ftp.send(help);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const left = unsentBytes(ftp.socket);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(left > 0 && unsentBytes(ftp.socket) === left, `it went on reading: ${left}`);
    await alive();
    ftp.destroy();
  });

  test("REST: no offset behind the end, none that is no number, and none for the next file", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    for (const offset of ["-1", "1e3", "99999999999999999999", "0x10", "", "1 2"])
      assert.match(await ftp.ask(`REST ${offset}`), /^501 /, offset);
    await ftp.ask("REST 9");
    assert.match((await ftp.transfer("RETR /one/a")).reply, /^554 /);
    await ftp.ask("REST 8");
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.length, 0);
    await ftp.ask("REST 4");
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "file");
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("before the login nothing is told but how to log in", async () => {
    const ftp = await RawFtp.open(serve.ftpPort);
    await ftp.reply();
    for (const line of [
      "PWD",
      "CWD /",
      "EPSV",
      "PASV",
      "LIST",
      "RETR /one/a",
      "SIZE /one/a",
      "MLST /",
      "STAT",
      "SITE HELP",
    ])
      assert.match(await ftp.ask(line), /^530 /, line);
    assert.match(await ftp.ask("PASS x"), /^503 /);
    for (const line of ["FEAT", "HELP", "SYST", "NOOP", "OPTS UTF8 ON"]) assert.match(await ftp.ask(line), /^2/, line);
    ftp.destroy();
  });
});
