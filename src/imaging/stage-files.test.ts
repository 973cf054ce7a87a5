import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, test } from "node:test";
import { run } from "../../test/fixtures/daemon.ts";
import { rootFiles } from "../core/image/root-files.ts";
import { type Staged, secretsBelow, stageFiles } from "./stage-files.ts";
import { tidyRoot } from "./tidy-root.ts";

const work = await mkdtemp(path.join(tmpdir(), "ringfort-stage-"));
after(() => rm(work, { recursive: true }));
const configuration = path.join(work, "ringfort.yaml");
await writeFile(configuration, "data: /var/lib/ringfort\n");
let files = "";
let into = "";
let count = 0;
beforeEach(async () => {
  count += 1;
  files = path.join(work, `files-${count}`);
  into = path.join(work, `into-${count}`);
  await put("etc/systemd/network/10-inside.network", "[Match]\nName=eth1\n");
});

async function put(name: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(files, name)), { recursive: true });
  await writeFile(path.join(files, name), text);
}

async function staged(): Promise<Staged> {
  const answer = await stageFiles(into, rootFiles("bastion", "erofs", true), configuration, files);
  assert.ok("files" in answer, JSON.stringify(answer));
  return answer;
}

async function refusal(): Promise<string> {
  const answer = await stageFiles(into, [], configuration, files);
  return "code" in answer ? answer.code : "taken";
}

test("the operator's files lie over ours, and a link stays one", async () => {
  await put("etc/hosts", "127.0.0.1 mine\n");
  await symlink("/run/resolv.conf", path.join(files, "etc/link"));
  const { files: given } = await staged();
  assert.deepEqual(given, [
    "etc/hosts",
    "etc/link",
    "etc/ringfort/ringfort.yaml",
    "etc/systemd/network/10-inside.network",
  ]);
  assert.equal(await readFile(path.join(into, "etc/hosts"), "utf8"), "127.0.0.1 mine\n");
  assert.equal((await stat(path.join(into, "usr/lib/ringfort-image/restore"))).mode & 0o777, 0o755);
});

test("a link that stands where one of our files does takes its place and writes through nothing", async () => {
  const outside = path.join(work, "outside");
  await writeFile(outside, "untouched");
  await symlink(outside, path.join(files, "etc/hosts"));
  await staged();
  assert.equal(await readFile(outside, "utf8"), "untouched");
});

test("what a umask did does not count, what can be run does", async () => {
  const name = "etc/systemd/network/10-inside.network";
  const first = await staged();
  await chmod(path.join(files, name), 0o640);
  into = `${into}-again`;
  assert.equal((await staged()).sha256, first.sha256);
  await chmod(path.join(files, name), 0o755);
  into = `${into}-again`;
  assert.notEqual((await staged()).sha256, first.sha256);
});

test("a secret among the files, or in the configuration, is refused", async () => {
  await put("etc/ringfort/tls/key.pem", "-----BEGIN PRIVATE KEY-----\n");
  assert.equal(await refusal(), "image.secret-inside");
  await rm(path.join(files, "etc/ringfort"), { recursive: true });
  into = `${into}-again`;
  assert.equal(await refusal(), "taken");
  const config = path.join(work, "with-secret.yaml");
  await writeFile(config, "data: /var/lib/ringfort\n# AGE-SECRET-KEY-1ABC\n");
  const answer = await stageFiles(`${into}-more`, [], config, null);
  assert.equal("code" in answer && answer.code, "image.secret-inside");
});

test("a pipe among the files is refused, and not waited for", async () => {
  await run("mkfifo", [path.join(files, "etc/pipe")]);
  assert.equal(await refusal(), "image.malformed");
});

test("what is of one build or one machine leaves the root", async () => {
  const root = path.join(work, `root-${count}`);
  const gone = [
    "etc/.pwd.lock",
    "etc/shadow-",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "etc/apt/sources.list",
    "var/log/apt/term.log",
    "var/cache/ldconfig/aux-cache",
    "var/lib/apt/lists/InRelease",
    "var/lib/dpkg/status-old",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "boot/vmlinuz",
  ];
  const kept = ["etc/shadow", "etc/machine-id", "var/lib/dpkg/status", "var/lib/dpkg/info/libc6.list"];
  for (const name of [...gone, ...kept]) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), "");
  }
  await tidyRoot(root);
  const left = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  assert.deepEqual(left.toSorted(), kept.toSorted());
  assert.equal((await stat(path.join(root, "tmp"))).mode & 0o7777, 0o1777);
  assert.equal((await stat(path.join(root, "var/lib/ringfort-signer"))).mode & 0o7777, 0o750);
});

test("a secret that a package made in the root is found before it is packed", async () => {
  const root = path.join(work, `root-${count}`);
  await mkdir(path.join(root, "etc/ssl/private"), { recursive: true });
  assert.equal(await secretsBelow(root, "etc"), null);
  await writeFile(path.join(root, "etc/ssl/private/snakeoil.key"), "-----BEGIN PRIVATE KEY-----\n");
  assert.equal((await secretsBelow(root, "etc"))?.code, "image.secret-inside");
});
