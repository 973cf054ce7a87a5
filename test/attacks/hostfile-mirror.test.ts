import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { HostEntry } from "../../src/core/model/host-file.ts";
import { channelDocument } from "../../src/core/publish/channel-document.ts";
import { probeHost } from "../../src/main/probe-host.ts";
import { type FtpVendor, startFtpVendor } from "../upstream/ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";

/** `hostfile check` asks whoever a host file names: a mirror that was taken over, or was never ours. */
describe("a hostile mirror and whoever checks it", () => {
  let folder = "";
  let http: HttpVendor;
  let ftp: FtpVendor;

  const entry = (type: HostEntry["type"], address: string, rest: Partial<HostEntry> = {}): HostEntry => ({
    name: "m",
    type,
    address,
    order: 100,
    ...rest,
  });
  const codeOf = async (asked: HostEntry): Promise<string> => {
    const probed = await probeHost(asked);
    return probed.kind === "failed" ? probed.code : Buffer.from(probed.bytes).toString();
  };

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ringfort-hostfile-"));
    http = await startHttpVendor();
    ftp = await startFtpVendor({});
  });
  after(async () => {
    await http.close();
    await ftp.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("what an honest mirror says comes through, over each transport", async () => {
    const body = Buffer.from(channelDocument("staging"));
    http.files.set("/deep/.ringfort/channel", { body });
    ftp.files.set(".ringfort/channel", { body });
    await mkdir(path.join(folder, "good/.ringfort"), { recursive: true });
    await writeFile(path.join(folder, "good/.ringfort/channel"), body);
    assert.equal(await codeOf(entry("http", `${http.url}/deep/`)), body.toString());
    assert.equal(await codeOf(entry("ftp", `${ftp.url}/`)), body.toString());
    assert.equal(await codeOf(entry("share", `${folder}/good/`)), body.toString());
  });

  test("an endless document is stopped at the cap, announced or not", async () => {
    for (const announced of [true, false]) {
      http.faults.set("*", { kind: "endless", announced });
      assert.equal(await codeOf(entry("http", `${http.url}/`)), "upstream.over-cap");
    }
    http.faults.clear();
    ftp.faults.endless = true;
    assert.equal(await codeOf(entry("ftp", `${ftp.url}/`)), "upstream.over-cap");
    delete ftp.faults.endless;
  });

  test("one that says nothing, or a byte at a time, is left after five seconds", { timeout: 15_000 }, async () => {
    http.files.set("/drip/.ringfort/channel", { body: Buffer.alloc(4_000, "x") });
    http.faults.set("/drip/.ringfort/channel", { kind: "drip", bytes: 1, every: 100 });
    http.faults.set("/mute/.ringfort/channel", { kind: "stall", after: -1 });
    const began = performance.now();
    const codes = await Promise.all(["drip", "mute"].map((name) => codeOf(entry("http", `${http.url}/${name}/`))));
    for (const code of codes) assert.match(code, /^upstream\.(?:timeout|stalled)$/);
    assert.ok(performance.now() - began < 8_000);
    http.faults.clear();
  });

  test("it leads nobody on: a redirect to the right channel is no answer", async () => {
    http.files.set("/right/.ringfort/channel", { body: Buffer.from(channelDocument("staging")) });
    http.faults.set("/wrong/.ringfort/channel", { kind: "redirect", to: `${http.url}/right/.ringfort/channel` });
    assert.equal(await codeOf(entry("http", `${http.url}/wrong/`)), "upstream.redirect-loop");
    assert.ok(!http.requests.some(({ path: asked }) => asked === "/right/.ringfort/channel"));
    http.faults.clear();
  });

  test("a share that is a trap: a pipe, a link, a folder, a huge file, a path of another system", async () => {
    const trap = path.join(folder, "trap/.ringfort");
    const file = path.join(trap, "channel");
    const share = entry("share", `${folder}/trap/`);
    await mkdir(trap, { recursive: true });
    execFileSync("mkfifo", [file]);
    assert.equal(await codeOf(share), "upstream.malformed");
    await rm(file);
    await symlink("/etc/passwd", file);
    assert.equal(await codeOf(share), "upstream.malformed");
    await rm(file);
    await mkdir(file);
    assert.equal(await codeOf(share), "upstream.malformed");
    await rm(file, { recursive: true });
    await writeFile(file, "");
    await truncate(file, 10_000_000_000);
    assert.equal(await codeOf(share), "upstream.over-cap");
    assert.equal(await codeOf(entry("share", "\\\\server\\updates\\")), "address.unsupported");
  });

  test("the login is sent where one is asked for, and a key in the password's place is sent to nobody", async (t) => {
    const asking = await startHttpVendor({ login: { user: "ann", password: "right" } });
    const listening = await startFtpVendor({ login: { user: "ann", password: "right" } });
    t.after(() => Promise.all([asking.close(), listening.close()]));
    const body = Buffer.from(channelDocument("staging"));
    asking.files.set("/.ringfort/channel", { body });
    listening.files.set(".ringfort/channel", { body });
    const { privateKey } = generateKeyPairSync("ed25519");
    const files = {
      right: "right\n",
      wrong: "wrong\n",
      key: privateKey.export({ type: "pkcs8", format: "pem" }),
      long: "x".repeat(257),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
    const both = async (name: string): Promise<readonly string[]> => {
      const login = { login: "ann", passwordFile: path.join(folder, name) };
      return [
        await codeOf(entry("http", `${asking.url}/`, login)),
        await codeOf(entry("ftp", `${listening.url}/`, login)),
      ];
    };
    assert.deepEqual(await both("right"), [body.toString(), body.toString()]);
    assert.deepEqual(await both("wrong"), ["upstream.login", "upstream.login"]);
    const [requests, commands] = [asking.requests.length, listening.commands.length];
    for (const name of ["key", "long", "absent", ""])
      assert.deepEqual(await both(name), ["config.unreadable", "config.unreadable"], name);
    assert.deepEqual(
      await codeOf(entry("http", `${asking.url}/`, { login: "ann", passwordFile: "/dev/zero" })),
      "config.unreadable",
    );
    assert.deepEqual([asking.requests.length, listening.commands.length], [requests, commands]);
  });
});
