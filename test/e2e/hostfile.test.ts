import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import * as z from "zod";
import { channelDocument } from "../../src/core/publish/channel-document.ts";
import { type CliRun, run, startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram, needsSharedData, sharedData } from "../fixtures/needs.ts";
import { startFtpVendor } from "../upstream/ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { makeOpenpgpVendor, signCleartext } from "../upstream/signing.ts";

const needsFreshclam = needs(
  needsProgram("freshclam", "clamav-freshclam"),
  needsProgram("sigtool", "clamav"),
  needsSharedData("clamav", "test-1.cvd"),
);
const needsApt = needs(needsProgram("apt-get", "apt"), needsProgram("gpgv", "gpgv"));

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const checked = z.looseObject({ hosts: z.array(z.looseObject({ name: z.string(), result: z.string() })) });

/** A flat repository of one suite, signed, as a vendor has it: InRelease and Packages. */
async function signedRepository(): Promise<{ readonly key: string; readonly files: Readonly<Record<string, string>> }> {
  const signer = await makeOpenpgpVendor({ born: Date.now() - 86_400_000 });
  const packages =
    "Package: from-the-mirror\nVersion: 1\nArchitecture: all\nMaintainer: v <v@example.org>\nFilename: ./p.deb\n" +
    `Size: 1\nSHA256: ${sha256("x")}\nDescription: a test\n\n`;
  const release =
    `Origin: test\nSuite: test\nCodename: test\nDate: ${new Date(Date.now() - 60_000).toUTCString().replace("GMT", "UTC")}\n` +
    `Architectures: all\nSHA256:\n ${sha256(packages)} ${packages.length} Packages\n`;
  return {
    key: signer.publicKey,
    files: { InRelease: await signCleartext([signer], release, Date.now() - 60_000), Packages: packages },
  };
}

describe("host files, from the daemon's word to real clients", () => {
  let work = "";
  let vendor: HttpVendor;
  let daemon: TestDaemon;
  const at = (name: string): string => path.join(work, name);
  const hostfile = (...args: readonly string[]): Promise<CliRun> => daemon.cli("hostfile", ...args);
  const done = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await hostfile(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const check = async (name: string): Promise<readonly [exit: number, results: Readonly<Record<string, string>>]> => {
    const { code, stdout } = await hostfile("check", at(name), "--json");
    return [code, Object.fromEntries(checked.parse(JSON.parse(stdout)).hosts.map((host) => [host.name, host.result]))];
  };

  before(async () => {
    work = await mkdtemp(path.join(tmpdir(), "ringfort-hostfile-"));
    vendor = await startHttpVendor();
    daemon = await startTestDaemon({ config: { session: { idle: "1ms", most: "1s" } } });
    for (const channel of ["staging", "production"])
      await done(
        "edit",
        at(`${channel}.json`),
        "--new",
        "--deployment",
        "campus",
        "--channel",
        channel,
        "--from-daemon",
      );
  });
  after(async () => {
    await daemon?.end();
    await vendor?.close();
    await rm(work, { recursive: true, force: true });
  });

  test("two files, one for staging and one for production: each leads to its own channel", async () => {
    for (const channel of ["staging", "production"]) {
      const url = await daemon.url(channel);
      const [exit, results] = await check(`${channel}.json`);
      assert.deepEqual([exit, results], [0, { [`${channel} at ${new URL(url).host}`]: "right" }]);
      assert.match(await done("show", at(`${channel}.json`)), new RegExp(url));
    }
  });

  test("the files were swapped: 3, before a production machine takes what is being tested", async () => {
    await cp(at("production.json"), at("swapped.json"));
    await done("edit", at("swapped.json"), "--add", `name=mine,type=http,address=${await daemon.url("staging")}`);
    const [exit, results] = await check("swapped.json");
    assert.equal(exit, 3);
    assert.equal(results["mine"], "another-channel");
  });

  test("every transport is asked over its own, and one that is away is named: 1", async () => {
    const body = Buffer.from(channelDocument("staging"));
    const ftp = await startFtpVendor({ files: new Map([[".ringfort/channel", { body }]]) });
    await mkdir(at("share/.ringfort"), { recursive: true });
    await writeFile(at("share/.ringfort/channel"), body);
    await cp(at("staging.json"), at("all.json"));
    const added = [`name=ftp,type=ftp,address=${ftp.url}/`, `name=share,type=share,address=${at("share")}/`];
    await done("edit", at("all.json"), "--add", ...added);
    assert.equal((await check("all.json"))[0], 0);
    await ftp.close();
    const [exit, results] = await check("all.json");
    assert.equal(exit, 1);
    assert.deepEqual([results["ftp"], results["share"]], ["no-answer", "right"]);
  });

  test("a real freshclam takes the exported file, below a mount of its own", { skip: needsFreshclam }, async () => {
    const database = await readFile(sharedData("clamav", "test-1.cvd"));
    vendor.files.set("/test.cvd", { body: database });
    await daemon.addSource({
      name: "clamav",
      feed: { format: "clamav", databases: ["test"] },
      addresses: [vendor.url],
      trust: { kind: "clamav" },
      schedule: "manual",
    });
    const synced = await daemon.sync("clamav");
    assert.ok("run" in synced && synced.run.outcome === "new-revision", JSON.stringify(synced));
    for (const mode of [[], ["--private-mirror"]]) {
      const name = `freshclam-${mode.length}.conf`;
      await done("export", at("staging.json"), "--as", "freshclam", "--mount", "/clamav/", ...mode, "--out", at(name));
      const db = at(`db-${mode.length}`);
      await mkdir(db);
      const owner = process.getuid?.() === 0 ? "root" : (process.env["USER"] ?? "root");
      // What is the machine's own, beside our lines.
      const own = [`DatabaseDirectory ${db}`, `DatabaseOwner ${owner}`, "LogFileMaxSize 0", "MaxAttempts 1"];
      await writeFile(at(name), `${await readFile(at(name), "utf8")}${own.join("\n")}\n`);
      const got = await run("freshclam", [`--config-file=${at(name)}`, "--update-db=test"]);
      assert.equal(got.code, 0, got.stdout + got.stderr);
      const { stdout } = await run("sigtool", ["--info", path.join(db, "test.cvd")]);
      assert.match(stdout, /^Version: 1$/m);
      assert.match(stdout, /^Verification OK/m);
    }
  });

  test("a real apt reads the exported source, and believes the vendor's key alone", { skip: needsApt }, async () => {
    const { key, files } = await signedRepository();
    for (const [name, text] of Object.entries(files)) vendor.files.set(`/${name}`, { body: Buffer.from(text) });
    await daemon.addSource({
      name: "repository",
      feed: { format: "directory", list: { kind: "files", files: Object.keys(files) } },
      addresses: [vendor.url],
      trust: {
        kind: "pinned",
        digests: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256(text)])),
      },
      schedule: "manual",
    });
    const synced = await daemon.sync("repository");
    assert.ok("run" in synced && synced.run.outcome === "new-revision", JSON.stringify(synced));
    for (const folder of ["etc/sources.list.d", "state/lists/partial", "cache/archives/partial"])
      await mkdir(at(`apt/${folder}`), { recursive: true });
    await writeFile(at("apt/status"), "");
    await writeFile(at("apt/empty.conf"), 'Dir::Etc::parts "/nowhere";\nDir::Etc::main "/nowhere";\n');
    const stranger = await makeOpenpgpVendor({ born: Date.now() - 86_400_000 });
    await writeFile(at("vendor.asc"), key);
    await writeFile(at("stranger.asc"), stranger.publicKey);
    const update = async (keyring: string): Promise<CliRun> => {
      const source = at("apt/etc/sources.list.d/staging.sources");
      await rm(source, { force: true });
      const options = ["--as", "apt", "--mount", "/repository/", "--suite", "./", "--keyring", keyring];
      await done("export", at("staging.json"), ...options, "--out", source);
      const apt = (verb: string): Promise<CliRun> =>
        run(
          "apt-get",
          [
            ["Dir::Etc", at("apt/etc")],
            ["Dir::State", at("apt/state")],
            ["Dir::State::status", at("apt/status")],
            ["Dir::Cache", at("apt/cache")],
            ["Dir::Etc::sourcelist", "/dev/null"],
            ["Dir::Etc::sourceparts", at("apt/etc/sources.list.d")],
            ["APT::Sandbox::User", "root"],
            ["Acquire::Retries", "0"],
            ["APT::Update::Error-Mode", "any"],
          ]
            .flatMap(([name, value]) => ["-o", `${name}=${value}`])
            .concat(verb),
          { env: { ...process.env, APT_CONFIG: at("apt/empty.conf"), LC_ALL: "C" } },
        );
      return await apt("update");
    };
    const bad = await update(at("stranger.asc"));
    assert.notEqual(bad.code, 0, bad.stdout + bad.stderr);
    assert.match(bad.stdout + bad.stderr, /NO_PUBKEY|not available/);
    const good = await update(at("vendor.asc"));
    assert.equal(good.code, 0, good.stdout + good.stderr);
    const lists = await run("sh", ["-c", `cat ${at("apt/state/lists")}/*Packages`]);
    assert.match(lists.stdout, /Package: from-the-mirror/);
  });
});
