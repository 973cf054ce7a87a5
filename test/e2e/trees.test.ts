import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { freePort, OtherServer, openFolder, removeFolder, runClient } from "../fixtures/other-server.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

const asRoot = process.getuid?.() === 0 ? false : "changes users: as root alone";
const BIG = 3_000_000;

/** Two revisions of one feed: each file says of which it is. */
const contents = (mark: string): Map<string, Buffer> =>
  new Map([
    ["index", Buffer.from(`this is ${mark}`)],
    ["pool/big.bin", Buffer.alloc(BIG, mark)],
    ["pool/same", Buffer.from("never changes")],
  ]);
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const KNOWN = new Map(["v1", "v2"].flatMap((mark) => Array.from(contents(mark), ([, bytes]) => [sha(bytes), mark])));

describe("a channel's exported tree, behind other servers", { concurrency: false, timeout: 120_000 }, () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let folder: string;
  let root: string;

  const move = async (kind: "promote" | "rollback"): Promise<void> => {
    await daemon.must({ verb: kind, source: "one", channel: "production", revision: null, reason: "", by: "test" });
    await daemon.must({ verb: "export", channel: "production", folder: null, method: null, anew: false, by: "test" });
  };
  const shown = async (): Promise<string> => (await readFile(path.join(root, "one/index"), "utf8")).slice(-2);

  before(async () => {
    folder = await openFolder();
    http = await startHttpVendor({});
    const trees = path.join(folder, "trees/production");
    root = path.join(trees, "current");
    const tree = { folder: trees, grace: 2_000 };
    daemon = await startTestDaemon({
      under: folder,
      config: {
        channels: { staging: { listen: "127.0.0.1:0" }, production: { listen: "127.0.0.1:0", tree } },
        session: { idle: 0, most: 0 },
      },
    });
    const vendor = new SignedListVendor(http, "one");
    for (const [i, mark] of ["v1", "v2"].entries()) {
      vendor.publish(contents(mark), Date.now() + i * 60_000);
      if (i === 0) await daemon.addSource(vendor.source());
      const result = await daemon.sync("one");
      assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
      await move("promote");
    }
    assert.equal(await shown(), "v2");
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
    await removeFolder(folder);
  });

  test("it follows every move by itself, and after a restart; the files are the store's own", async () => {
    const blob = path.join(daemon.data, "blobs/sha256", sha(Buffer.from("never changes")).slice(0, 2));
    const same = await lstat(path.join(root, "one/pool/same"));
    assert.equal(same.ino, (await lstat(path.join(blob, sha(Buffer.from("never changes"))))).ino);
    assert.equal(same.mode & 0o222, 0);
    const wish = { source: "one", channel: "production", revision: null, reason: "", by: "test" } as const;
    await daemon.must({ verb: "rollback", ...wish });
    for (let i = 0; i < 200 && (await shown()) !== "v1"; i++) await new Promise((resolve) => setTimeout(resolve, 25));
    assert.equal(await shown(), "v1");
    const target = await readlink(root);
    await daemon.stop();
    await daemon.start();
    assert.equal(await shown(), "v1");
    const again = await daemon.cli("export", "production", "--json");
    assert.equal(again.code, 0, again.stderr);
    assert.equal(JSON.parse(again.stdout).written, false);
    assert.equal(await readlink(root), target);
    await move("promote");
    const { stdout } = await daemon.cli("export", "production", "--to", path.join(folder, "once"));
    assert.match(stdout, /^production written: 5 files/);
    const refused = await daemon.cli("export", "production", "--to", daemon.data, "--json");
    assert.equal(refused.code, 3);
    assert.equal(
      JSON.parse(refused.stdout === "" ? refused.stderr : refused.stdout).error.code,
      "export.folder-unsafe",
    );
  });

  test("sha256sum checks it by its own list", async () => {
    const list = path.join(path.dirname(root), `${await readlink(root)}.sha256`);
    const checked = await runClient("sha256sum", ["--check", "--strict", "--quiet", list], { cwd: root });
    assert.equal(checked.code, 0, checked.said);
  });

  test("what somebody writes through a link is in the store too, and the store check finds it; a copy shares nothing", async () => {
    const once = path.join(folder, "damaged");
    const copy = path.join(folder, "copied");
    await daemon.must({ verb: "export", channel: "production", folder: once, method: null, anew: false, by: "t" });
    await daemon.must({ verb: "export", channel: "production", folder: copy, method: "copy", anew: false, by: "t" });
    for (const [place, damaged] of [
      [copy, 0],
      [once, 1],
    ] as const) {
      const file = path.join(place, "current/one/pool/same");
      // As the store's own user, or root, alone could.
      await chmod(file, 0o644);
      await writeFile(file, "never changed");
      const checked = await daemon.must({ verb: "store-check", repair: true, by: "t" });
      assert.equal(checked.damaged.length, damaged);
      assert.ok(checked.damaged.every(({ repaired }) => repaired));
    }
    // The repair made a new file in the store; the tree has the damaged one until it is written anew.
    const anew = { verb: "export", channel: "production", method: null, anew: true, by: "t" } as const;
    await daemon.must({ ...anew, folder: once });
    await daemon.must({ ...anew, folder: null });
    for (const place of [once, path.dirname(root)])
      assert.equal(await readFile(path.join(place, "current/one/pool/same"), "utf8"), "never changes");
  });

  /** Fetches `index` and the large file again and again while the channel goes back and forth. */
  const underMoves = async (take: (name: string) => Promise<Uint8Array>): Promise<void> => {
    let moving = true;
    let taken = 0;
    const faults: string[] = [];
    const readers = Array.from({ length: 3 }, async () => {
      while (moving) {
        for (const name of ["index", "pool/big.bin"]) {
          const bytes = await take(name).catch((error: unknown) => Buffer.from(String(error)));
          taken += 1;
          if (!KNOWN.has(sha(bytes))) faults.push(`${name}: ${Buffer.from(bytes.subarray(0, 200)).toString()}`);
        }
      }
    });
    try {
      for (let i = 0; i < 4; i++) {
        await move("rollback");
        assert.equal(await shown(), "v1");
        await move("promote");
        assert.equal(await shown(), "v2");
      }
    } finally {
      moving = false;
      await Promise.all(readers);
    }
    assert.deepEqual(faults, []);
    assert.ok(taken > 10, `${taken}`);
  };

  /** A client that fetches what is newer than what it has, told of each move by the times alone. */
  const followedBy = async (program: string, argsOf: (file: string) => readonly string[]): Promise<void> => {
    const home = path.join(folder, `client-${clients++}`);
    await mkdir(home);
    const file = path.join(home, "index");
    const get = async (): Promise<string> => {
      const got = await runClient(program, argsOf(file), { cwd: home });
      assert.equal(got.code, 0, got.said);
      return (await readFile(file, "utf8")).slice(-2);
    };
    assert.equal(await get(), "v2");
    for (const mark of ["v1", "v2", "v1", "v2"]) {
      await move(mark === "v1" ? "rollback" : "promote");
      assert.equal(await get(), mark);
    }
  };
  let clients = 0;

  test("nginx: whole files while the channel moves, a rollback reaches wget -N, nothing can be written", {
    skip: needs(needsProgram("nginx", "nginx-light"), needsProgram("wget", "wget")),
  }, async () => {
    const port = await freePort();
    const home = path.join(folder, "nginx");
    await mkdir(home);
    await writeFile(
      path.join(home, "nginx.conf"),
      `pid ${home}/pid; error_log stderr; daemon off; worker_processes 1; events {}
       http { access_log off; ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${home}/${name};`).join(" ")}
         server { listen 127.0.0.1:${port}; root ${root}; autoindex on; } }`,
    );
    const server = await OtherServer.start(home, port, "nginx", [
      "-e",
      "stderr",
      "-p",
      home,
      "-c",
      path.join(home, "nginx.conf"),
    ]);
    try {
      await underMoves(async (name) => {
        const answer = await fetch(`http://127.0.0.1:${port}/one/${name}`);
        assert.equal(answer.status, 200);
        return new Uint8Array(await answer.arrayBuffer());
      });
      const address = `http://127.0.0.1:${port}/one/index`;
      await followedBy("wget", () => ["-N", "-q", address]);
      // Its own comparison of times, and not the server's.
      await followedBy("wget", () => ["-N", "-q", "--no-if-modified-since", address]);
      const name = await (await fetch(`http://127.0.0.1:${port}/.ringfort/channel`)).json();
      assert.deepEqual(name, { ringfort: 1, channel: "production" });
      assert.equal((await fetch(address, { method: "PUT", body: "x" })).status, 405);
    } finally {
      await server.stop();
    }
  });

  test("vsftpd: whole files while the channel moves, a rollback reaches curl -z, nothing can be written", {
    skip: needs(asRoot, needsProgram("vsftpd", "vsftpd"), needsProgram("curl", "curl")),
  }, async () => {
    const port = await freePort();
    const home = path.join(folder, "vsftpd");
    await mkdir(path.join(home, "empty"), { recursive: true });
    const lines = [
      "listen=YES",
      "listen_address=127.0.0.1",
      `listen_port=${port}`,
      "background=NO",
      "anonymous_enable=YES",
      "no_anon_password=YES",
      "local_enable=NO",
      "write_enable=YES",
      "anon_upload_enable=YES",
      "anon_other_write_enable=YES",
      "anon_mkdir_write_enable=YES",
      `anon_root=${root}`,
      `secure_chroot_dir=${home}/empty`,
      "seccomp_sandbox=NO",
    ];
    await writeFile(path.join(home, "vsftpd.conf"), `${lines.join("\n")}\n`);
    const server = await OtherServer.start(home, port, "vsftpd", [path.join(home, "vsftpd.conf")]);
    try {
      let count = 0;
      const take = async (name: string): Promise<Uint8Array> => {
        const file = path.join(home, `got-${count++ % 64}`);
        const got = await runClient("curl", ["-sS", "-o", file, `ftp://127.0.0.1:${port}/one/${name}`]);
        assert.equal(got.code, 0, got.said);
        return readFile(file);
      };
      await underMoves(take);
      // By MDTM. wget -N reads a listing over FTP, in which a time has no seconds.
      const address = `ftp://127.0.0.1:${port}/one/index`;
      await followedBy("curl", (file) => ["-sS", "-R", "-z", file, "-o", file, address]);
      // Its configuration allows everything; the files' and folders' modes do not.
      const upload = ["-sS", "-T", path.join(home, "vsftpd.conf"), `ftp://127.0.0.1:${port}/one/index`];
      assert.notEqual((await runClient("curl", upload)).code, 0);
      for (const commands of [
        ["DELE /one/index"],
        ["RNFR /one/index", "RNTO /one/other"],
        ["MKD /one/new"],
        ["RMD /one/pool"],
      ]) {
        const args = commands.flatMap((command) => ["-Q", command]);
        const tried = await runClient("curl", ["-sS", ...args, `ftp://127.0.0.1:${port}/`]);
        assert.notEqual(tried.code, 0, commands.join(", "));
      }
      assert.equal(await shown(), "v2");
    } finally {
      await server.stop();
    }
  });

  test("Samba: the paper's UNC path, read by a guest; whole files while the channel moves, nothing can be written", {
    skip: needs(asRoot, needsProgram("smbd", "samba"), needsProgram("smbclient", "smbclient")),
  }, async () => {
    const port = await freePort();
    const home = path.join(folder, "samba");
    for (const name of ["private", "lock", "state", "cache", "pid", "ncalrpc", "msg"])
      await mkdir(path.join(home, name), { recursive: true });
    await writeFile(
      path.join(home, "smb.conf"),
      `[global]
       private dir = ${home}/private
       lock directory = ${home}/lock
       state directory = ${home}/state
       cache directory = ${home}/cache
       pid directory = ${home}/pid
       ncalrpc dir = ${home}/ncalrpc
       smb ports = ${port}
       interfaces = 127.0.0.1/8
       bind interfaces only = yes
       disable netbios = yes
       server role = standalone server
       map to guest = bad user
       guest account = nobody
       load printers = no
       disable spoolss = yes
       [production]
       path = ${root}
       guest only = yes
       read only = yes
       [careless]
       path = ${root}
       guest only = yes
       read only = no
      `,
    );
    const server = await OtherServer.start(home, port, "smbd", [
      "--foreground",
      "--no-process-group",
      "--debug-stdout",
      `--configfile=${path.join(home, "smb.conf")}`,
    ]);
    try {
      const smb = (share: string, commands: string): Promise<{ readonly code: number | null; readonly said: string }> =>
        runClient(
          "smbclient",
          ["-s", path.join(home, "smb.conf"), "-N", "-p", String(port), `//127.0.0.1/${share}`, "-c", commands],
          { cwd: home },
        );
      let count = 0;
      await underMoves(async (name) => {
        const file = `got-${count++ % 64}`;
        const got = await smb("production", `get one/${name} ${file}`);
        assert.equal(got.code, 0, got.said);
        return readFile(path.join(home, file));
      });
      for (const share of ["production", "careless"]) {
        for (const commands of ["put smb.conf one/index", "put smb.conf one/new", "del one/index", "mkdir one/new"]) {
          const { said } = await smb(share, commands);
          assert.match(
            said,
            /NT_STATUS_(?:ACCESS_DENIED|MEDIA_WRITE_PROTECTED|CANNOT_DELETE)/,
            `${share}: ${commands}`,
          );
        }
      }
      assert.equal(await shown(), "v2");
    } finally {
      await server.stop();
    }
  });
});
