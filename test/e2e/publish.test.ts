import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { RECALL_FILE, RECALL_MOUNT, recallList } from "../../src/core/model/recall.ts";
import { liveupdateDialect } from "../../src/core/model/source.ts";
import { bytesSource } from "../../src/formats/archive/byte-source.ts";
import { indexName } from "../../src/formats/liveupdate/names.ts";
import { type IndexReading, readIndex } from "../../src/formats/liveupdate/read-index.ts";
import { inspectPackage } from "../../src/formats/liveupdate/read-package.ts";
import { parseKeyFile, trustInKey } from "../../src/formats/signatures/key-file.ts";
import { type CliRun, run, startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";

const TOOL = { product: "Campus Tool", version: "1.0", language: "SymAllLanguages" };
let daemon: TestDaemon;
let place: string;

before(async () => {
  place = await mkdtemp(path.join(tmpdir(), "ringfort-publish-"));
  // Every test here is one client to the mirror: it shall see each revision at once, and not the one that it began with.
  daemon = await startTestDaemon({ config: { session: { idle: 0, most: 0 } } });
  for (const [name, kind] of [
    ["tool.key", "x509"],
    ["list.key", "minisign"],
  ] as const)
    await cli("key", "new", at(name), "--kind", kind);
});

after(async () => {
  await daemon.end();
  await rm(place, { recursive: true, force: true });
});

function at(...names: readonly string[]): string {
  return path.join(place, ...names);
}

/** Runs the real command line; anything but success is a mistake of the test. */
async function cli(...args: readonly string[]): Promise<CliRun> {
  const ran = await daemon.cli(...args);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}

async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  await rm(at(name), { recursive: true, force: true });
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(at(name, file)), { recursive: true });
    await writeFile(at(name, file), text);
  }
  return at(name);
}

async function served(channel: string, file: string): Promise<Uint8Array> {
  const response = await fetch((await daemon.url(channel)).replace(/\/$/, "") + file);
  assert.equal(response.status, 200, file);
  return new Uint8Array(await response.arrayBuffer());
}

function asTool(tree: string, { key = "tool.key", product = TOOL.product, version = TOOL.version } = {}): string[] {
  const signed = ["--into", at(tree), "--key", at(key), "--as", "liveupdate"];
  return [...signed, "--product", product, "--version", version];
}

const liveupdate = (from: string, tree: string, ...more: readonly string[]): Promise<CliRun> =>
  daemon.cli("publish", from, ...asTool(tree), ...more);

/** The index that staging serves, read with the key that we made. */
async function servedIndex(): Promise<IndexReading> {
  const key = parseKeyFile(await readFile(at("tool.key"), "utf8"), "tool.key");
  assert.equal(key.kind, "x509");
  const name = indexName(TOOL);
  const [bytes, now] = [await served("staging", `/campus/${name}`), Date.now()];
  const reading = await readIndex({ name, bytes, trust: trustInKey(key), dialect: liveupdateDialect.parse({}), now });
  assert.equal(reading.malformed, null);
  assert.deepEqual(reading.contradictions, []);
  assert.deepEqual(
    reading.signatures.map(({ status }) => status),
    ["good"],
  );
  for (const { file, sha256, size } of reading.packages) {
    const source = bytesSource(await served("staging", `/campus/${file}`));
    assert.equal(source.size, size);
    const found = await inspectPackage({ name: file, source, trust: trustInKey(key), now, expandedBytes: 1e9 });
    assert.equal(found.malformed, null);
    assert.deepEqual(found.contradictions, []);
    assert.ok(found.signatures.length > 0 && found.signatures.every(({ status }) => status === "good"));
    assert.notEqual(sha256, null);
  }
  return reading;
}

test("from a folder to staging in one command, and again: packages, deltas, and what is let go", async () => {
  const noise = "x".repeat(500) + Array.from({ length: 4_000 }, (_, n) => String(n * n * 7)).join(",");
  const files: Record<string, string> = { "bin/tool.dat": noise, "rules.txt": "one\n" };
  const preview = await liveupdate(await folder("build", files), "tool", "--preview");
  assert.equal(preview.code, 0, preview.stderr);
  assert.match(preview.stdout, /would write/);
  await assert.rejects(readdir(at("tool")), "a preview writes nothing");

  const first = await liveupdate(at("build"), "tool", "--keep", "2", "--source", "campus");
  assert.equal(first.code, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /source campus made; campus: revision 1 sealed; staging shows it/);
  const [one] = (await servedIndex()).packages;
  assert.equal(one?.from, null);
  assert.equal(new TextDecoder().decode(await served("staging", "/campus/minitri.flg")), " ");

  const again = await liveupdate(at("build"), "tool", "--source", "campus");
  assert.match(again.stdout, /^nothing to publish[^\n]*\ncampus: nothing new\n$/);

  for (const [turn, text] of ["two\n", "three\n"].entries()) {
    await folder("build", { ...files, "rules.txt": text });
    const next = await liveupdate(at("build"), "tool", "--keep", "2", "--source", "campus", "--json");
    assert.equal(next.code, 0, next.stdout + next.stderr);
    const said = JSON.parse(next.stdout) as { sequence: number; source: { run: { revision: number } } };
    assert.equal(said.sequence, (one?.sequence ?? 0) + 1 + turn);
    assert.equal(said.source.run.revision, 2 + turn);
  }
  const { packages } = await servedIndex();
  const base = one?.sequence ?? 0;
  assert.deepEqual(
    packages.map(({ sequence, from }) => [sequence === null ? 0 : sequence - base, from === null ? null : from - base]),
    [
      [1, null],
      [2, null],
      [2, 1],
    ],
  );
  const [delta, full] = [packages[2], packages[1]];
  assert.ok((delta?.size ?? 0) * 2 < (full?.size ?? 0), "a delta holds what has changed");
  assert.ok(
    (await readdir(at("tool"))).includes(one?.file ?? ""),
    "what was let go stays for readers of the old index",
  );
});

test("a second product in the same tree joins the source; another key may not write the tree", async () => {
  const from = await folder("other", { "a.txt": "a" });
  const german = { product: "Other Tool", version: "2" };
  const rest = ["--language", "German", "--source", "campus", "--sequence", "7"];
  const second = await cli("publish", from, ...asTool("tool", german), ...rest);
  assert.match(second.stdout, /now takes this product too/);
  await served("staging", "/campus/other$20tool_2_german_livetri.zip");
  await cli("key", "new", at("stranger.key"), "--kind", "x509");
  const foreign = asTool("tool", { ...german, key: "stranger.key" });
  const stranger = await daemon.cli("publish", from, ...foreign, "--language", "German");
  assert.equal(stranger.code, 2, stranger.stdout);
});

function publishList(): Promise<CliRun> {
  const list = ["--into", at("list"), "--key", at("list.key"), "--as", "directory", "--source", "files"];
  return cli("publish", at("files"), ...list);
}

/** What staging or production shows under a name, as minisign itself verifies it. */
async function minisignAccepts(name: string): Promise<void> {
  const key = (await cli("key", "show", at("list.key"))).stdout.trim();
  const verified = await run("minisign", ["-Vm", at(name), "-P", key]);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
}

test("a directory goes the same way, and loses what the folder lost", async () => {
  await folder("files", { "a.txt": "a", "b/c d.txt": "c", "z.bin": "z" });
  assert.match((await publishList()).stdout, /revision 1 sealed; staging shows it/);
  await folder("files", { "a.txt": "other", "b/c d.txt": "c" });
  assert.match((await publishList()).stdout, /without z\.bin[^]*revision 2 sealed/);
  assert.match((await publishList()).stdout, /nothing to publish[^]*nothing new/);
  assert.equal(new TextDecoder().decode(await served("staging", "/files/b/c%20d.txt")), "c");
  for (const file of ["SHA256SUMS", "SHA256SUMS.minisig"])
    await writeFile(at(file), await served("staging", `/files/${file}`));
  assert.equal((await readFile(at("SHA256SUMS"), "utf8")).includes("z.bin"), false);
  const { entries } = { entries: await readdir(at("list")) };
  assert.deepEqual(entries.toSorted(), ["SHA256SUMS", "SHA256SUMS.minisig", "a.txt", "b"], "nothing is left beside");
});

test("minisign verifies the list that is served", { skip: needsProgram("minisign", "minisign") }, () =>
  minisignAccepts("SHA256SUMS"),
);

test("a list that a stop left half renewed does not stand in the way of the next release", async () => {
  await folder("files", { "a.txt": "half" });
  const before = await readFile(at("list", "SHA256SUMS"));
  await publishList();
  // As between the two renames: the new signature beside the old list.
  await writeFile(at("list", "SHA256SUMS"), before);
  await folder("files", { "a.txt": "whole" });
  assert.match((await publishList()).stdout, /sealed; staging shows it/);
  assert.equal(new TextDecoder().decode(await served("staging", "/files/a.txt")), "whole");
});

test("a recall is served on its channel; each is kept, and rises", async () => {
  const signed = ["recall", "--key", at("list.key"), "--into", at("recalls"), "--channel", "production"];
  const what = ["--product", TOOL.product, "--version", "1.0", "--from", "9", "--until", "12", "--reason", "bad"];
  const recall = (to: string, ...more: readonly string[]): Promise<CliRun> =>
    cli(...signed, ...what, "--to", to, ...more);
  assert.match((await recall("8")).stdout, /^recall 1 issued for production/);
  assert.match((await recall("7", "--publish")).stdout, /^recall 2 issued[^]*production shows the recalls at http:/);
  assert.match((await recall("6", "--publish")).stdout, /^recall 3 issued/);
  for (const file of [RECALL_FILE, `${RECALL_FILE}.minisig`])
    await writeFile(at(file), await served("production", `${RECALL_MOUNT}${file}`));
  const list = recallList.parse(JSON.parse(await readFile(at(RECALL_FILE), "utf8")));
  assert.deepEqual(
    list.recalls.map(({ serial, to, product }) => [serial, to, product.product]),
    [
      [1, 8, "Campus Tool"],
      [2, 7, "Campus Tool"],
      [3, 6, "Campus Tool"],
    ],
  );
  const times = list.recalls.map(({ issuedAt }) => issuedAt);
  assert.ok(times.every((time, n) => n === 0 || time > (times[n - 1] ?? 0)) && list.issuedAt === times.at(-1));
  const shown = await cli("recall", "list", "--into", at("recalls"), "--key", at("list.key"));
  assert.equal(shown.stdout.split("\n").length, 5);
  const staged = await cli(
    "recall",
    "publish",
    "--into",
    at("recalls"),
    "--key",
    at("list.key"),
    "--channel",
    "staging",
  );
  assert.match(staged.stdout, /^staging shows the recalls/);
});

test("minisign verifies the recalls that are served", { skip: needsProgram("minisign", "minisign") }, () =>
  minisignAccepts(RECALL_FILE),
);

test("after a rollback the command that recalls it is shown", async () => {
  await cli("promote", "campus", "--revision", "1");
  await cli("promote", "campus", "--revision", "3");
  const back = await cli("rollback", "campus", "--channel", "production");
  const [line = ""] = /ringfort recall [^\n]*/.exec(back.stdout) ?? [];
  assert.match(
    line,
    /--channel production --product 'Campus Tool' --version 1\.0 --language SymAllLanguages --from \d+ --until \d+ --to \d+ /,
  );
});
