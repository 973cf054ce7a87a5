import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const SECRET = "a secret outside of the view";

/** Ways to say "somewhere else", from the root and from a folder. */
const SPELLINGS = [
  "../secret",
  "/../secret",
  "/..",
  "../..",
  "..",
  "/one/../../secret",
  "/one/../secret",
  "/one/./a",
  "./a",
  "//one/a",
  "/one//a",
  "///etc/passwd",
  "/etc/passwd",
  "/one/a/",
  "/one/a/..",
  "....//secret",
  "/.../secret",
  "..\\secret",
  "..\\..\\secret",
  "/one\\..\\secret",
  "%2e%2e/secret",
  "/%2e%2e%2fsecret",
  "..%c0%afsecret",
  "..;/secret",
  "~",
  "~root/.bashrc",
  "/one-evil/a",
  "/on",
  "/one/linked",
  "/one/a.",
  "/one/a ",
  "/ONE/a",
  "C:/secret",
  "/one/a::$DATA",
  "/proc/self/environ",
  "/blobs/sha256",
  "*",
  "/*/*/*/../../*",
  "/one/[a]",
  "{a,b}",
  "\uff0e\uff0e/secret",
  `/${"../".repeat(100)}etc/passwd`,
];

/** The same in bytes that are no text. */
const BYTES = [
  Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f]),
  Buffer.from([0xe0, 0x80, 0xae, 0x2f]),
  Buffer.from("/one/a\0"),
  Buffer.from("/one/a\0.txt"),
  Buffer.from("/one/a\rX"),
];

describe("FTP names that would lead elsewhere", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", "sub/b": "another" });
    await folder.point("staging", { one: 1 });
    for (const place of ["secret", "blobs/secret", "views/secret", "views/revisions/secret"]) {
      await mkdir(path.dirname(path.join(folder.root, place)), { recursive: true });
      await writeFile(path.join(folder.root, place), SECRET);
    }
    await symlink("../../../secret", path.join(folder.views, "revisions/one/linked"));
    serve = await ServeProcess.start(folder, { ftp: ftpStart() });
  });

  after(async () => {
    await serve.stop();
    await folder.end();
  });

  test(`${SPELLINGS.length} spellings are not found by any verb, and show nothing`, async () => {
    for (const start of ["/", "/one"]) {
      const ftp = await RawFtp.login(serve.ftpPort);
      await ftp.ask(`CWD ${start}`);
      for (const name of SPELLINGS) {
        for (const verb of ["RETR", "SIZE", "MDTM", "MLST", "STAT", "NLST", "LIST", "MLSD", "CWD"]) {
          // ".." alone is the folder above, where a folder is asked for, and the root has none above it.
          if (name === ".." && /LIST|NLST|MLSD|CWD/.test(verb)) continue;
          const { bytes, reply } = /RETR|LIST|NLST|MLSD/.test(verb)
            ? await ftp.transfer(`${verb} ${name}`)
            : { bytes: "", reply: await ftp.ask(`${verb} ${name}`) };
          assert.match(reply, /^550 Not found\.$/, `${verb} ${name} in ${start}`);
          assert.equal(bytes.length, 0);
        }
      }
      for (let i = 0; i < 5; i++) assert.equal(await ftp.code("CWD .."), 250);
      assert.equal(await ftp.ask("PWD"), '257 "/" is here.');
      assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
      await ftp.ask("QUIT");
    }
  });

  test("bytes that are no UTF-8, and control characters, are no names", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    for (const bytes of BYTES) {
      for (const verb of ["RETR ", "CWD ", "SIZE "]) {
        ftp.send(Buffer.concat([Buffer.from(verb), bytes, Buffer.from("\r\n")]));
        assert.match(await ftp.reply(), /^501 /);
      }
    }
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("no listing shows more than the view: not the links, not the folder for the channel itself", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    for (const line of ["NLST", "NLST -a", "NLST -R", "NLST -la", "NLST /"])
      assert.match((await ftp.transfer(line)).bytes.toString(), /^\/?one\r\n$/, line);
    assert.deepEqual((await ftp.transfer("NLST -R one")).bytes.toString(), "one/a\r\none/sub\r\n");
    ftp.destroy();
  });

  test("a pipe, a link or a folder in a blob's place gives nothing and holds up nobody", {
    skip: needsProgram("mkfifo", "coreutils"),
  }, async () => {
    const made = await ChannelFolder.make();
    const names = ["link", "folder", ...Array.from({ length: 8 }, (_, i) => `pipe${i}`)];
    const entries = await made.revision("one", 1, {
      a: "the file",
      ...Object.fromEntries(names.map((name) => [name, `the bytes of ${name}`])),
    });
    await made.point("staging", { one: 1 });
    await writeFile(path.join(made.root, "secret"), SECRET.slice(0, "the bytes of link".length));
    for (const { path: name, sha256 } of entries) {
      if (name === "a") continue;
      const blob = made.blobPath(sha256);
      await rm(blob);
      if (name === "link") await symlink(path.join(made.root, "secret"), blob);
      else if (name === "folder") await mkdir(blob);
      else execFileSync("mkfifo", [blob]);
    }
    const other = await ServeProcess.start(made, { ftp: ftpStart() });
    try {
      // As many pipes as would take every thread there is, at once.
      const asked = names.map(async (name) => {
        const ftp = await RawFtp.login(other.ftpPort);
        const { bytes, reply } = await ftp.transfer(`RETR /one/${name}`);
        ftp.destroy();
        return { bytes: bytes.length, code: reply.slice(0, 3) };
      });
      assert.deepEqual(
        await Promise.all(asked),
        names.map(() => ({ bytes: 0, code: "451" })),
      );
      const ftp = await RawFtp.login(other.ftpPort);
      assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
      ftp.destroy();
    } finally {
      await other.stop();
      await made.end();
    }
  });

  test("no name and no password puts a line or a field into the log", async () => {
    const ftp = await RawFtp.open(serve.ftpPort);
    await ftp.reply();
    await ftp.ask("USER anonymous");
    await ftp.ask('PASS a b #Fields: \u00e4 " %0a forged');
    await ftp.ask("USER #Date: x");
    await ftp.transfer("LIST one");
    await ftp.ask("QUIT");
    await ftp.ended();
    await serve.stop();
    for (const line of serve.ftpLog().trimEnd().split("\n").slice(3))
      assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d staging 127\.0\.0\.1( [!-~]+){11}$/);
  });
});
