import assert from "node:assert/strict";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { answers } from "../../../test/fixtures/daemon-answers.ts";
import { scriptedDaemon } from "../../../test/fixtures/scripted-daemon.ts";
import { NOW, type Ran, run } from "../../../test/fixtures/scripted-terminal.ts";
import { HOUR } from "../../core/kernel/instant.ts";
import { recallList } from "../../core/model/recall.ts";
import { openTree, type Staged } from "./tree.ts";

let place: string;

before(async () => {
  place = await mkdtemp(path.join(tmpdir(), "ringfort-publish-"));
  for (const [name, kind] of [
    ["tool.key", "x509"],
    ["other.key", "x509"],
    ["list.key", "minisign"],
    ["else.key", "minisign"],
  ] as const)
    assert.equal((await run(["key", "new", name, "--kind", kind], { cwd: place })).exit, 0);
});

after(() => rm(place, { recursive: true, force: true }));

function at(...names: readonly string[]): string {
  return path.join(place, ...names);
}

async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  await rm(at(name), { recursive: true, force: true });
  await mkdir(at(name));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(at(name, file)), { recursive: true });
    await writeFile(at(name, file), text);
  }
  return name;
}

function ringfort(...args: readonly string[]): Promise<Ran> {
  return run(args, { cwd: place });
}

interface Said {
  readonly write: readonly { readonly path: string }[];
  readonly remove: readonly string[];
  readonly sequence: number | null;
}

/** Publishes, which must succeed, and gives its document. */
async function published(...args: readonly string[]): Promise<Said> {
  const { exit, out, err } = await ringfort("publish", ...args, "--json");
  assert.equal(exit, 0, out + err);
  return JSON.parse(out) as Said;
}

const asTool = (tree: string, ...more: readonly string[]): readonly string[] => {
  const signed = ["--into", tree, "--key", "tool.key", "--as", "liveupdate", "--product", "Tool", "--version", "1"];
  return [...signed, ...more];
};
const asList = (tree: string): readonly string[] => ["--into", tree, "--key", "list.key", "--as", "directory"];

test("what cannot be published is said, and nothing is written", async (t) => {
  const good = await folder("good", { "a.txt": "a" });
  const refused = async (args: readonly string[], words: RegExp, code = 2): Promise<void> => {
    const { exit, err } = await ringfort("publish", ...args);
    assert.equal(exit, code, err);
    assert.match(err, words);
  };
  const list = asList("never");
  const tool = asTool("never");
  await refused(["no-such-folder", ...list], /cannot be read \(ENOENT\)/);
  await refused(["tool.key", ...list], /no folder/);
  await refused([good, ...list.with(3, "no.key")], /key .* cannot be read/);
  await refused([good, ...list.with(3, "tool.key")], /minisign key; this one is x509/);
  await refused([good, ...tool.with(3, "list.key")], /x509 key; this one is minisign/);
  await refused([good, ...list.with(3, "good/a.txt")], /mode 644/);
  await refused([good, ...list, "--product", "P"], /belongs to --as liveupdate/);
  await refused([good, ...tool.slice(0, 6)], /needs --product and --version/);
  await refused([good, ...tool, "--sequence", "1x"], /--sequence is a number/);
  await refused([good, ...tool, "--keep", "0"], /--keep is a number/);
  await refused([good, ...tool.with(7, " P")], /--product is/);
  await refused([good, ...tool.with(7, "é".repeat(90))], /too long for the name/);
  await refused([good, ...tool, "--source", "No Such"], /--source is/);
  await refused([good, ...asList("good/tree")], /must lie apart/);
  await refused([good, ...asList(".")], /must lie apart/);
  await t.test("a key that others may read, or that is none", async () => {
    await chmod(at("list.key"), 0o640);
    await refused([good, ...list], /mode 640/);
    await chmod(at("list.key"), 0o600);
    await writeFile(at("broken.key"), "{}", { mode: 0o600 });
    await refused([good, ...list.with(3, "broken.key")], /config\.invalid/, 1);
  });
  await t.test("names and links", async () => {
    await refused([await folder("bad", { "CON.txt": "x" }), ...list], /reserved-name/);
    await refused([await folder("bad", { "a.txt": "x", "A.TXT": "y" }), ...list], /one file on some systems/);
    await refused([await folder("bad", { "ä.txt": "x" }), ...tool], /only ASCII/);
    await refused([await folder("bad", { "V.grd": "x" }), ...tool], /guard's own name/);
    await refused([await folder("bad", { ".ringfort-x": "x" }), ...list], /publishing itself/);
    await refused([await folder("bad", { "a.Ringfort-New": "x" }), ...list], /publishing itself/);
    await refused([await folder("bad", { sha256sums: "x" }), ...list], /tree's own list/);
    await symlink(at("tool.key"), at(await folder("bad", { a: "x" }), "link"));
    await refused(["bad", ...list], /links and devices are not published/);
    await refused([await folder("bad", {}), ...list], /holds no file/);
  });
  await assert.rejects(stat(at("never")), "nothing was written");
});

test("a key is written once, for its owner alone, and its secret is never shown", async () => {
  assert.equal((await stat(at("tool.key"))).mode & 0o777, 0o600);
  const again = await ringfort("key", "new", "tool.key", "--kind", "minisign");
  assert.equal(again.exit, 2);
  assert.equal((await ringfort("key", "new", "no-folder/a.key", "--kind", "x509")).exit, 2);
  for (const file of ["tool.key", "list.key"]) {
    const held = JSON.parse(await readFile(at(file), "utf8")) as { seed?: string; privateKey?: string };
    const secret = held.seed ?? held.privateKey?.split("\n")[1] ?? assert.fail();
    for (const args of [[], ["--trust"], ["--json"]]) {
      const { exit, out, err } = await ringfort("key", "show", file, ...args);
      assert.equal(exit, 0);
      assert.ok(!(out + err).includes(secret));
    }
  }
  assert.match((await ringfort("key", "show", "list.key")).out, /^RW[A-Za-z0-9+/]{54}\n$/);
  assert.match((await ringfort("key", "show", "tool.key", "--trust")).out, /^trust:\n {2}kind: liveupdate\n/);
});

test("a tree that is something else, another key's, or just being written is left alone", async () => {
  const good = await folder("good", { "a.txt": "a" });
  await folder("mine", { SHA256SUMS: "0".repeat(64) });
  assert.match((await ringfort("publish", good, ...asList("mine"))).err, /nobody signed/);
  await published(good, ...asList("signed"));
  await published(good, ...asTool("tooled"));
  await folder("good", { "a.txt": "b" });
  const before = await readdir(at("tooled"));
  assert.match((await ringfort("publish", good, ...asList("signed").with(3, "else.key"))).err, /signed by the key/);
  assert.match((await ringfort("publish", good, ...asTool("tooled").with(3, "other.key"))).err, /not this key's work/);
  await writeFile(at("tooled", ".ringfort-publish.lock"), `${process.pid}\n`);
  const busy = await ringfort("publish", good, ...asTool("tooled"));
  assert.equal(busy.exit, 4);
  assert.match(busy.err, /store\.busy/);
  await rm(at("tooled", ".ringfort-publish.lock"));
  assert.deepEqual(await readdir(at("tooled")), before);
  // A number that no process has: whoever held it was killed.
  await writeFile(at("tooled", ".ringfort-publish.lock"), "4194999\n");
  await published(good, ...asTool("tooled"));
  assert.equal((await readdir(at("tooled"))).includes(".ringfort-publish.lock"), false);
});

test("a release has a full package and, where it pays and says all, a delta", async () => {
  const noise = Array.from({ length: 4_000 }, (_, n) => String(n * n * 7)).join(",");
  const names = async (
    files: Readonly<Record<string, string>>,
    ...more: readonly string[]
  ): Promise<readonly string[]> =>
    (await published(await folder("parts", files), ...asTool("deltas", ...more))).write.map((file) =>
      file.path.replace(/^\d{10}/, ""),
    );
  assert.deepEqual(await names({ big: noise, small: "1" }), [
    "tool-1-symalllanguages-261123001.zip",
    "tool_1_symalllanguages_livetri.zip",
  ]);
  assert.equal((await published("parts", ...asTool("deltas"))).write.length, 0, "the same again is nothing to publish");
  assert.deepEqual((await names({ big: noise, small: "2", more: "3" })).slice(0, 2), [
    "tool-1-symalllanguages-261123002.zip",
    "tool-1-symalllanguages-261123001-261123002.zip",
  ]);
  assert.equal((await names({ big: noise, small: "4" })).length, 2, "a delta cannot say that a file has gone");
  assert.equal((await names({ big: `${noise}.`, small: "4" })).length, 2, "nearly as large as the whole");
  assert.equal((await names({ big: `${noise}.`, small: "5" }, "--no-deltas")).length, 2);
  const back = await ringfort(
    "publish",
    await folder("parts", { a: "1" }),
    ...asTool("deltas", "--sequence", "261123005"),
  );
  assert.match(back.err, /is not above 261123005/);
});

test("names of packages never come twice, and old ones go an hour after their index let them go", async () => {
  const release = async (text: string): Promise<Said> =>
    await published(await folder("parts", { a: text }), ...asTool("grace", "--keep", "1"));
  const first = (await release("1")).write[0]?.path ?? "";
  const second = (await release("2")).write[0]?.path ?? "";
  assert.deepEqual(
    (await readdir(at("grace"))).filter((name) => /^\d{10}/.test(name)).toSorted(),
    [first, second].toSorted(),
  );
  await release("3");
  // Nobody's index names it, and it is young: a reader may still be on its way to it.
  assert.ok((await readdir(at("grace"))).includes(first));
  const long = (NOW - HOUR) / 1_000 - 1;
  await utimes(at("grace", first), long, long);
  await writeFile(at("grace", "0000000000strange_livetri.zip"), "no index of ours");
  assert.deepEqual((await release("4")).remove, [], "what cannot be read may name anything");
  await rm(at("grace", "0000000000strange_livetri.zip"));
  assert.deepEqual((await release("5")).remove, [first]);
  assert.equal((await readdir(at("grace"))).includes(first), false);
  assert.ok((await readdir(at("grace"))).includes(second));
});

test("a package that was changed in the tree is not signed anew", async () => {
  const [full] = (await published(await folder("parts", { a: "1" }), ...asTool("changed"))).write;
  await writeFile(at("changed", full?.path ?? ""), "changed");
  const { exit, err } = await ringfort("publish", await folder("parts", { a: "2" }), ...asTool("changed"));
  assert.equal(exit, 1);
  assert.match(err, /store\.damaged/);
});

test("what a publisher that was stopped left beside goes with the next", async () => {
  await folder("swept", { "sub/old.zip.ringfort-new": "half", "1795567762x.zip.ringfort-new": "half", mine: "stays" });
  await published(await folder("parts", { a: "1" }), ...asTool("swept"));
  const names = await readdir(at("swept"), { recursive: true });
  assert.deepEqual(
    names.filter((name) => name.includes("ringfort")),
    [],
  );
  assert.ok(names.includes("mine"));
});

test("where the daemon is away, the tree is written all the same, and that is said", async () => {
  await folder("parts", { a: "1" });
  const socket = ["--socket", at("no.sock")];
  const { exit, err } = await ringfort("publish", "parts", ...asTool("away"), "--source", "tool", ...socket);
  assert.equal(exit, 4);
  assert.match(err, /^wrote to [^]*daemon\.unreachable/);
  const what = ["--product", "Tool", "--version", "1", "--from", "9", "--to", "8", "--reason", "bad", "--publish"];
  const tree = ["--into", "away-recalls", "--key", "list.key", "--channel", "production"];
  const recalled = await ringfort("recall", ...tree, ...what, ...socket);
  assert.equal(recalled.exit, 4);
  assert.match(recalled.err, /^recall 1 issued[^]*daemon\.unreachable/);
});

test("a source of that name that cannot carry the tree is said before anything is signed", async (t) => {
  const daemon = await scriptedDaemon();
  t.after(() => daemon.close());
  daemon.follow(() => [{ kind: "result", value: answers["source-show"] }]);
  await folder("parts", { a: "1" });
  const socket = ["--socket", daemon.socket];
  const what = ["--product", "Tool", "--version", "1", "--from", "9", "--to", "8", "--reason", "bad", "--publish"];
  const tree = ["--into", "taken", "--key", "list.key", "--channel", "production"];
  for (const args of [
    ["publish", "parts", ...asTool("taken"), "--source", "clamav"],
    ["publish", "parts", ...asList("taken"), "--source", "clamav"],
    ["recall", ...tree, ...what],
  ]) {
    const { exit, err } = await ringfort(...args, ...socket);
    assert.equal(exit, 2, err);
    assert.match(err, /does not read this tree/);
  }
  await assert.rejects(stat(at("taken")));
});

test("a copied file never goes through a link that lies in its way", async () => {
  await writeFile(at("precious"), "mine");
  await folder("linked", {});
  await symlink(at("precious"), at("linked", "a.txt.ringfort-new"));
  await link(at("precious"), at("linked", "b.txt"));
  await published(await folder("parts", { "a.txt": "x", "b.txt": "y" }), ...asList("linked"));
  assert.equal(await readFile(at("precious"), "utf8"), "mine");
  assert.equal(await readFile(at("linked", "b.txt"), "utf8"), "y");
});

test("nothing comes into its place before what it names, and a failure leaves nothing beside", async () => {
  // The index cannot be moved: a folder stands there. The flag, which calls clients to it, must then not appear.
  await folder("order", { "index/x": "" });
  const tree = await openTree(at("order"));
  const stage = (name: string): Promise<Staged> => tree.stage(name, Buffer.from(name));
  const groups = [[await stage("package")], [await stage("index")], [await stage("flag")]];
  assert.deepEqual(await readdir(at("order")).then((names) => names.filter((name) => !name.includes(".ringfort-"))), [
    "index",
  ]);
  await assert.rejects(tree.place(groups), { code: "store.io" });
  await tree.close();
  assert.deepEqual(await readdir(at("order")), ["index", "package"]);
});

test("recalls rise by one and in time, survive a stop between any two renames, and are one key's", async () => {
  const signed = ["recall", "--into", "recalls", "--key", "list.key", "--channel", "production", "--product", "Tool"];
  const what = ["--version", "1", "--from", "9", "--to", "8", "--reason", "bad"];
  const issue = (...more: readonly string[]): Promise<Ran> => ringfort(...signed, ...what, ...more);
  const shown = async (): Promise<ReturnType<typeof recallList.parse>> =>
    recallList.parse(JSON.parse(await readFile(at("recalls", "recalls.json"), "utf8")));
  assert.equal((await issue()).exit, 0);
  const old = await readFile(at("recalls", "recalls.json"));
  assert.equal((await issue("--until", "12")).exit, 0);
  // As if the machine had stopped before clients' files were renamed: the serial that was signed is still known.
  await writeFile(at("recalls", "recalls.json"), old);
  assert.equal((await issue("--to", "7")).exit, 0);
  const { recalls, issuedAt } = await shown();
  assert.deepEqual(
    recalls.map(({ serial, from, until, to }) => [serial, from, until, to]),
    [
      [1, 9, 9, 8],
      [2, 9, 12, 8],
      [3, 9, 9, 7],
    ],
  );
  assert.deepEqual([recalls[2]?.issuedAt, issuedAt], [NOW + 2_000, NOW + 2_000]);
  assert.match((await issue("--to", "9")).err, /--to is not below --from/);
  assert.match((await issue("--from", "20", "--to", "12")).err, /was itself recalled/);
  assert.equal((await issue("--from", "20", "--to", "12", "--channel", "staging")).exit, 0, "staging still has it");
  assert.match((await issue("--until", "8")).err, /--until is below --from/);
  assert.match((await issue("--channel", "No")).err, /no name of a channel/);
  assert.match((await issue("--reason", "x".repeat(1_001))).err, /reason/);
  assert.match((await issue("--key", "else.key")).err, /use that key, or another tree/);
  assert.match((await issue("--key", "tool.key")).err, /minisign key; this one is x509/);
  assert.equal((await shown()).recalls.length, 4);
  await writeFile(at("recalls", ".ringfort-recalls.json"), "{}");
  assert.match((await issue()).err, /damaged/);
  await published(await folder("good", { "a.txt": "a" }), ...asList("plain"));
  assert.match((await issue("--into", "plain")).err, /something else than recalls/);
});
