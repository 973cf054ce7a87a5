import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { installedList, repository } from "../../bench/package/program.ts";
import { bundle, makeExecutable } from "../../bench/package/single-files.ts";
import { needsKernelWalls } from "../confinement/run.ts";
import { makeMachine, served } from "../fixtures/agent.ts";
import { makeAgentVendor, versionContent } from "../fixtures/agent-vendor.ts";
import { type CliRun, run, startTestDaemon } from "../fixtures/daemon.ts";
import { inEmptyRoot } from "../fixtures/empty-root.ts";
import { lastingFolder } from "../fixtures/lasting-folder.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";

// The command line and the agent in one file each, run where there is nothing else: no Node, no package, no /etc.
const skip = needs(
  needsProgram("bwrap", "bubblewrap"),
  process.platform === "linux" && process.arch === "x64" ? false : "single files are made for Linux on x86-64",
);
let place: string;

before(async () => {
  place = await mkdtemp(path.join(tmpdir(), "ringfort-single-"));
});

after(() => rm(place, { recursive: true, force: true }));

/** Makes the executable of one main, as `npm run package` does of the compiled one. */
async function made(main: string): Promise<string> {
  const file = path.join(place, `${main}.run`);
  const { code } = await bundle(repository, `src/main/${main}.ts`);
  const texts = {
    "package.json": JSON.stringify({ version: "7.8.9" }),
    "node_modules/.package-lock.json": installedList([]),
  };
  await makeExecutable({ code, texts, file, work: path.join(place, main), node: process.execPath });
  return file;
}

test("ringfort in one file does what it does without a daemon, and talks to one", { skip }, async (t) => {
  const program = await made("single-file");
  const command = await inEmptyRoot(program, [place]);
  const ringfort = (...args: readonly string[]): Promise<CliRun> => run(command[0], [...command.slice(1), ...args]);

  await t.test("it says what it is", async () => {
    const { code, stdout, stderr } = await ringfort("version", "--json");
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { version: "7.8.9", singleFile: true });
    assert.match((await ringfort("--help")).stdout, /verify/);
  });
  await t.test("it makes a key, publishes and verifies", async () => {
    await writeFile(path.join(place, "sample.txt"), "sample\n");
    assert.equal((await ringfort("key", "new", "k", "--kind", "minisign")).code, 0);
    const { publicKey } = JSON.parse((await ringfort("key", "show", "k", "--json")).stdout) as { publicKey: string };
    await mkdir(path.join(place, "from"));
    await writeFile(path.join(place, "from/file"), "file\n");
    const published = await ringfort("publish", "from", "--into", "tree", "--as", "directory", "--key", "k");
    assert.equal(published.code, 0, published.stderr);
    assert.equal((await ringfort("verify", "tree", "--key", publicKey)).code, 0);
    await writeFile(path.join(place, "tree/file"), "fil3\n");
    const { code, stdout } = await ringfort("verify", "tree", "--key", publicKey, "--json");
    assert.equal(code, 3);
    assert.match(stdout, /release\.file-differs/);
  });
  await t.test("it checks a configuration, and says where it is wrong", async () => {
    const good = { data: "data", channels: { staging: { listen: "127.0.0.1:0" } } };
    await writeFile(path.join(place, "good.yaml"), JSON.stringify(good));
    await writeFile(path.join(place, "bad.yaml"), JSON.stringify({ ...good, nothing: 1 }));
    assert.equal((await ringfort("--config", "good.yaml", "config", "check")).code, 0);
    const bad = await ringfort("--config", "bad.yaml", "config", "check", "--json");
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /config\.invalid/);
  });
  await t.test("it audits the machine", async () => {
    const { stdout, stderr } = await ringfort("--config", "good.yaml", "audit", "--json");
    const { checks } = JSON.parse(stdout) as { readonly checks: readonly { readonly id: string }[] };
    assert.ok(checks.length > 40, stderr);
  });
  await t.test("no daemon is said to be none; a daemon answers over its socket", async () => {
    const none = await ringfort("--socket", path.join(place, "no.sock"), "status", "--json");
    assert.equal(none.code, 4);
    assert.match(none.stdout, /daemon\.unreachable/);
    const daemon = await startTestDaemon({ under: place });
    try {
      const { code, stdout, stderr } = await ringfort(
        "--socket",
        path.join(daemon.data, "control.sock"),
        "status",
        "--json",
      );
      assert.equal(code, 0, stderr);
      assert.deepEqual(
        (JSON.parse(stdout) as { channels: readonly { channel: string }[] }).channels.map(({ channel }) => channel),
        ["staging", "production"],
      );
    } finally {
      await daemon.end();
    }
  });
  const walls = needs(needsProgram("strace", "strace"), needsKernelWalls());
  await t.test("it tries a program under the profile of a film, as its own launcher", { skip: walls }, async (t) => {
    const folder = await lastingFolder(t);
    await mkdir(path.join(folder, "in"));
    await writeFile(path.join(folder, "in/data"), "content\n");
    await writeFile(path.join(folder, "secret"), "secret\n");
    const observe = async (...args: readonly string[]): Promise<{ readonly by?: string; readonly exit?: number }> =>
      JSON.parse((await run(program, ["--json", "observe", ...args], { cwd: folder })).stdout) as object;
    const films = ["--film", "--output", "a.film", "--", "/bin/bash", "-c", "read -r line < in/data"];
    await observe(...films);
    const trial = ["--profile", "a.film", "--try", "--", "/bin/bash", "-c"];
    const same = await observe(...trial, "read -r line < in/data");
    const other = await observe(...trial, "read -r line < secret");
    assert.deepEqual([same.by, same.exit, other.by, other.exit], ["launcher", 0, "launcher", 1]);
  });
  await t.test("NODE_OPTIONS gets nothing into it", async () => {
    const env = { NODE_OPTIONS: `--require=${path.join(place, "nothing.cjs")}` };
    const { code } = await run(program, ["version"], { env });
    assert.equal(code, 0);
  });
});

test("ringfort-agent in one file updates from a mirror", { skip }, async () => {
  const vendor = makeAgentVendor();
  const mirror = await startHttpVendor();
  const program = await inEmptyRoot(await made("ringfort-agent"), [place]);
  const client = await makeMachine({
    vendor,
    hosts: [{ type: "http", address: `${mirror.url}/` }],
    config: { report: false },
    under: place,
    program,
  });
  try {
    assert.equal((await run(program[0], [...program.slice(1), "--version"])).stdout, "7.8.9\n");
    vendor.publish(1, versionContent(1, 3, 1_000), []);
    for (const [name, file] of served(vendor, "/")) mirror.files.set(name, file);
    const { code, result, stderr } = await client.result();
    assert.equal(code, 0, stderr);
    assert.deepEqual([result.result, result.to], ["updated", 1]);
    const installed = await client.installed();
    assert.deepEqual(installed?.files, vendor.versions.get(1));
    assert.equal((await client.result()).code, 1);
  } finally {
    await mirror.close();
    await client.remove();
  }
});

test("what would be looked for when it runs gets into no single file: a file beside it, a package", async () => {
  const refusedFor = async (text: string): Promise<void> => {
    const app = path.join(place, "app");
    await mkdir(app, { recursive: true });
    await writeFile(path.join(app, "main.js"), 'import { it } from "./inner.js";\nconsole.log(it);\n');
    await writeFile(path.join(app, "inner.js"), text);
    await bundle(app, "main.js");
  };
  await refusedFor('import path from "node:path";\nexport const it = path.sep;\n');
  await assert.rejects(refusedFor("export const it = import.meta.dirname;\n"), /inner\.js/);
  await assert.rejects(refusedFor('export { it } from "no-such-package";\n'), /no-such-package/);
});
