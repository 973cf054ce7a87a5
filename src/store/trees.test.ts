import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { parseSha256 } from "../core/kernel/digest.ts";
import type { Refusal } from "../core/kernel/errors.ts";
import { type AtTreeStep, TREE_STEPS, type TreeFolder } from "../core/ports.ts";
import type { TreeMethod } from "../core/publish/plan-tree.ts";
import { openTrees } from "./trees.ts";

const NOW = 1_795_442_400_000;

/** A store's blobs and a place for trees; channels show what a test says. */
class Place {
  now = NOW;
  atStep: AtTreeStep = () => undefined;
  readonly root: string;
  readonly data: string;
  readonly folder: string;

  constructor(root: string) {
    this.root = root;
    this.data = path.join(root, "data");
    this.folder = path.join(root, "trees");
  }

  blobPath(content: string): string {
    const sha256 = createHash("sha256").update(content).digest("hex");
    return path.join(this.data, "blobs/sha256", sha256.slice(0, 2), sha256);
  }

  async blob(content: string, admittedAt: number): Promise<void> {
    const file = this.blobPath(content);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    await utimes(file, admittedAt / 1_000, admittedAt / 1_000);
    await chmod(file, 0o444);
  }

  async open(folder = this.folder, channel = "production"): Promise<TreeFolder | Refusal> {
    return openTrees({
      data: this.data,
      blobs: path.join(this.data, "blobs"),
      atStep: (step) => this.atStep(step),
      now: () => this.now,
    }).open(folder, channel);
  }

  async must(): Promise<TreeFolder> {
    const opened = await this.open();
    assert.ok(!("code" in opened), JSON.stringify(opened));
    return opened;
  }

  /** Exports a revision that the channel has moved to at `now`. */
  async show(revision: number, files: Readonly<Record<string, string>>, method: TreeMethod = "link"): Promise<number> {
    const record = await (await this.must()).build({
      channel: "production",
      method,
      mounts: [{ source: "one", mount: "/one/", revision, movedAt: this.now }],
      files: Object.entries(files).map(([name, content]) => ({
        path: `one/${name}`,
        sha256: parseSha256(createHash("sha256").update(content).digest("hex")) ?? assert.fail(),
        size: content.length,
        lastModified: this.now,
      })),
      total: 1,
      report: () => undefined,
      signal: new AbortController().signal,
    });
    assert.ok(!("code" in record), JSON.stringify(record));
    return record.copied;
  }

  at(name: string): string {
    return path.join(this.folder, "current/one", name);
  }

  async time(name: string): Promise<number> {
    return (await lstat(this.at(name))).mtimeMs;
  }
}

async function inPlace(run: (place: Place) => Promise<void>): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), "ringfort-trees-"));
  try {
    await run(new Place(root));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  return (await lstat(one)).ino === (await lstat(other)).ino;
}

test("a tree is made of the store's own files, read-only, with the channel's name and a list that sha256sum reads", async () => {
  await inPlace(async (place) => {
    await place.blob("A", NOW - 5_000);
    assert.equal(await place.show(1, { "deep/a": "A", b: "A" }), 0);
    assert.ok(await isSameFile(place.at("deep/a"), place.blobPath("A")));
    for (const folder of ["", "deep"]) assert.equal((await lstat(place.at(folder))).mode & 0o777, 0o555);
    assert.equal((await lstat(place.at("b"))).mode & 0o777, 0o444);
    const name = await readFile(path.join(place.folder, "current/.ringfort/channel"), "utf8");
    assert.equal(JSON.parse(name).channel, "production");
    const list = await readFile(path.join(place.folder, "trees/1.sha256"), "utf8");
    const sha256 = createHash("sha256").update("A").digest("hex");
    assert.equal(list, `${sha256}  one/deep/a\n${sha256}  one/b\n`);
  });
});

test("the time of a path rises with each content: forward by links, back by a copy, and forward again", async () => {
  await inPlace(async (place) => {
    await place.blob("old", NOW - 60_000);
    await place.blob("new", NOW - 30_000);
    await place.blob("kept", NOW - 90_000);
    const shown: number[] = [];
    const show = async (revision: number, content: string, copies: number): Promise<void> => {
      place.now += 10_000;
      assert.equal(await place.show(revision, { a: content, kept: "kept" }), copies);
      assert.equal(await readFile(place.at("a"), "utf8"), content);
      shown.push(await place.time("a"));
    };
    place.now = NOW - 50_000;
    await show(1, "old", 0);
    place.now = NOW;
    await show(2, "new", 0);
    await show(1, "old", 1);
    await show(2, "new", 1);
    assert.deepEqual(
      shown,
      shown.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(shown).size, 4);
    assert.ok(!(await isSameFile(place.at("a"), place.blobPath("new"))));
    // What has not changed is the same file all along, with its time.
    assert.ok(await isSameFile(place.at("kept"), place.blobPath("kept")));
    // The blobs' own times are as they were: they say when a blob was admitted.
    assert.equal((await lstat(place.blobPath("old"))).mtimeMs, NOW - 60_000);
  });
});

test("a path that went and comes back has a later time than anything before", async () => {
  await inPlace(async (place) => {
    await place.blob("first", NOW - 20_000);
    await place.blob("second", NOW - 30_000);
    await place.blob("other", NOW - 10_000);
    await place.show(1, { a: "first", other: "other" });
    place.now += 1_000;
    await place.show(2, { other: "other" });
    place.now += 1_000;
    await place.show(3, { a: "second", other: "other" });
    assert.ok((await place.time("a")) > NOW - 20_000);
  });
});

test("copies share nothing with the store, and stay the same file while their content does", async () => {
  await inPlace(async (place) => {
    await place.blob("A", NOW - 5_000);
    assert.equal(await place.show(1, { a: "A" }, "copy"), 1);
    assert.ok(!(await isSameFile(place.at("a"), place.blobPath("A"))));
    const before = (await lstat(place.at("a"))).ino;
    place.now += 5_000;
    await place.show(2, { a: "A" }, "copy");
    assert.equal((await lstat(place.at("a"))).ino, before);
    assert.equal((await lstat(place.at("a"))).mode & 0o777, 0o444);
  });
});

test("whoever reads an old tree finishes; it goes after its grace", async () => {
  await inPlace(async (place) => {
    await place.blob("1", NOW - 9_000);
    await place.blob("2", NOW - 8_000);
    await place.show(1, { a: "1" });
    const reader = await open(place.at("a"));
    place.now += 10_000;
    await place.show(2, { a: "2" });
    const trees = await place.must();
    assert.equal(await trees.sweep(place.now - 1), 0);
    assert.equal(await readFile(path.join(place.folder, "trees/1/one/a"), "utf8"), "1");
    assert.equal(await trees.sweep(place.now), 1);
    assert.deepEqual(await readdir(path.join(place.folder, "trees")), ["2", "2.json", "2.sha256"]);
    assert.equal((await reader.readFile()).toString(), "1");
    await reader.close();
  });
});

for (const step of TREE_STEPS) {
  test(`a stop at ${step} leaves the old tree or the new one, whole, and the next export goes on`, async () => {
    await inPlace(async (place) => {
      for (const [i, content] of ["1", "2", "3"].entries()) await place.blob(content, NOW - 9_000 + i * 1_000);
      await place.show(1, { a: "1", b: "1" });
      await place.show(2, { a: "2", b: "2" });
      place.now += 10_000;
      place.atStep = (at) => {
        if (at === step) throw new Error("killed");
      };
      const cut = async (): Promise<void> => {
        if (step === "tree.removed") await (await place.must()).sweep(place.now);
        else await place.show(3, { a: "3", b: "3" });
      };
      await assert.rejects(cut, /killed/);
      const seen = await Promise.all(["a", "b"].map((name) => readFile(place.at(name), "utf8")));
      assert.equal(new Set(seen).size, 1);
      place.atStep = () => undefined;
      const trees = await place.must();
      await trees.sweep(place.now);
      await place.show(3, { a: "3", b: "3" });
      await trees.sweep(place.now + 1);
      assert.equal(await readFile(place.at("b"), "utf8"), "3");
      await (await place.must()).sweep(place.now);
      const left = await readdir(path.join(place.folder, "trees"));
      assert.equal(left.length, 3, left.join(" "));
      assert.match(await readlink(path.join(place.folder, "current")), /^trees\/\d+$/);
    });
  });
}

test("a repaired blob takes the place of the damaged one", async () => {
  await inPlace(async (place) => {
    await place.blob("A", NOW - 5_000);
    await place.show(1, { a: "A" });
    await rm(place.blobPath("A"));
    await place.blob("A", NOW + 5_000);
    await place.show(1, { a: "A" });
    assert.ok(await isSameFile(place.at("a"), place.blobPath("A")));
  });
});

test("a blob that is missing ends the export, and the tree before it stays", async () => {
  await inPlace(async (place) => {
    await place.blob("A", NOW - 5_000);
    await place.show(1, { a: "A" });
    await assert.rejects(() => place.show(2, { a: "gone" }), { code: "store.damaged" });
    assert.equal(await readFile(place.at("a"), "utf8"), "A");
  });
});

test("only a folder of its own is taken: not the store, not another's, not one where others write, no link", async () => {
  await inPlace(async (place) => {
    const code = async (folder: string, channel?: string): Promise<string | null> => {
      const opened = await place.open(folder, channel);
      return "code" in opened ? opened.code : null;
    };
    await mkdir(path.join(place.data, "blobs"), { recursive: true });
    assert.equal(await code(path.join(place.data, "trees")), "export.folder-unsafe");
    assert.equal(await code(place.data), "export.folder-unsafe");
    assert.equal(await code(place.root), "export.folder-unsafe");
    assert.equal(await code("relative"), "export.folder-unsafe");
    const full = path.join(place.root, "full");
    await mkdir(full);
    await writeFile(path.join(full, "mine"), "");
    assert.equal(await code(full), "export.folder-taken");
    const open = path.join(place.root, "open");
    await mkdir(open);
    await chmod(open, 0o777);
    assert.equal(await code(open), "export.folder-unsafe");
    await symlink(full, path.join(place.root, "link"));
    assert.equal(await code(path.join(place.root, "link")), "export.folder-unsafe");
    assert.equal(await code(place.folder), null);
    assert.equal(await code(place.folder, "staging"), "export.folder-taken");
    assert.equal(await code(place.folder), null);
  });
});
