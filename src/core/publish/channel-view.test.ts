import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { parseSha256 } from "../kernel/digest.ts";
import { safePath } from "../kernel/safe-path.ts";
import { formatChannelPointer, parseChannelPointer } from "./channel-pointer.ts";
import { type DirectoryRow, findInChannel, inMountOrder, type MountedView } from "./channel-view.ts";
import { encodeView } from "./encode-view.ts";
import { RevisionView } from "./revision-view.ts";

const sha256 = (text: string): Uint8Array => hash("sha256", text, "buffer");
const steps = [
  { revision: 4, movedAt: 5_000 },
  { revision: 7, movedAt: 9_000 },
];

function mounted(source: string, mount: string, paths: readonly string[]): MountedView {
  const entries = paths.map((path, i) => ({
    path: safePath(path),
    sha256: parseSha256("0".repeat(64)) ?? assert.fail(),
    size: i,
    builtAt: null,
    since: i === 0 ? 1 : 7,
  }));
  const bytes = encodeView(7, entries, sha256);
  return {
    source,
    mount,
    steps,
    view: new RevisionView(
      { length: bytes.length, read: (offset, length) => bytes.slice(offset, offset + length) },
      sha256,
    ),
  };
}

const mounts = inMountOrder([
  mounted("clamav", "/clamav/", ["daily.cvd", "main.cvd"]),
  mounted("debian", "/linux/debian/", ["dists/stable/InRelease", "pool/a/a.deb"]),
  mounted("inner", "/linux/debian/pool/inner/", ["x"]),
]);

function names(path: string): readonly string[] | null {
  const found = findInChannel(mounts, path);
  return found?.kind === "directory"
    ? Array.from(found.rows(), ({ name, file }: DirectoryRow) => (file === null ? `${name}/` : name))
    : null;
}

test("a file is found under its mount, with its source, revision and time", () => {
  const found = findInChannel(mounts, "/clamav/daily.cvd");
  assert.deepEqual(found, {
    kind: "file",
    path: "/clamav/daily.cvd",
    source: "clamav",
    revision: 7,
    sha256: "0".repeat(64),
    size: 0,
    lastModified: 5_000,
  });
  const newer = findInChannel(mounts, "/clamav/main.cvd");
  assert.equal(newer?.kind === "file" && newer.lastModified, 9_000);
});

test("directories list their children, and the mounts below them", () => {
  assert.deepEqual(names("/"), ["clamav/", "linux/"]);
  assert.deepEqual(names("/linux/"), ["debian/"]);
  assert.deepEqual(names("/linux/debian/"), ["dists/", "pool/"]);
  assert.deepEqual(names("/linux/debian/pool/"), ["a/", "inner/"]);
  assert.deepEqual(names("/linux/debian/pool/inner/"), ["x"]);
  assert.deepEqual(names("/clamav"), ["daily.cvd", "main.cvd"]);
  assert.equal(findInChannel(mounts, "/clamav")?.path, "/clamav/");
});

test("nothing else is there", () => {
  for (const path of [
    "//",
    "/clamav//",
    "/clamav/daily.cvd/",
    "/clamav//daily.cvd",
    "/clamav/../clamav/daily.cvd",
    "/clamav/.",
    "/linux/deb",
    "/linux//",
    "",
    "/CLAMAV/",
  ]) {
    assert.equal(findInChannel(mounts, path), null, path);
  }
});

test("a channel without sources has an empty root", () => {
  const root = findInChannel([], "/");
  assert.ok(root?.kind === "directory" && [...root.rows()].length === 0);
  assert.equal(findInChannel([], "/a"), null);
});

test("a source may be the whole channel, with another inside it", () => {
  const whole = inMountOrder([mounted("all", "/", ["a", "in/hidden"]), mounted("part", "/in/", ["b"])]);
  const root = findInChannel(whole, "/");
  assert.deepEqual(root?.kind === "directory" && Array.from(root.rows(), (row) => row.name), ["a", "in"]);
  assert.equal(findInChannel(whole, "/in/hidden"), null);
  assert.equal(findInChannel(whole, "/in/b")?.kind, "file");
  assert.equal(findInChannel(whole, "//"), null);
});

test("a pointer file is read back as written", () => {
  const mount = { source: "clamav", mount: "/clamav/", revision: 7, steps };
  assert.deepEqual(parseChannelPointer(formatChannelPointer("staging", [mount]), "staging"), {
    format: 1,
    channel: "staging",
    mounts: [mount],
    withheld: { digests: [], revisions: [] },
  });
});

test("a pointer file that is not one is damaged", () => {
  const good = { format: 1, channel: "staging", mounts: [{ source: "clamav", mount: "/clamav/", revision: 7, steps }] };
  const bad: readonly unknown[] = [
    { ...good, format: 2 },
    { ...good, channel: "production" },
    { ...good, more: 1 },
    { ...good, mounts: [...good.mounts, ...good.mounts] },
    { ...good, mounts: [{ ...good.mounts[0], source: "../x" }] },
    { ...good, mounts: [{ ...good.mounts[0], mount: "/a//b/" }] },
    { ...good, mounts: [{ ...good.mounts[0], revision: 8 }] },
    { ...good, mounts: [{ ...good.mounts[0], steps: steps.toReversed() }] },
    { ...good, mounts: [{ ...good.mounts[0], steps: [] }] },
  ];
  assert.doesNotThrow(() => parseChannelPointer(JSON.stringify(good), "staging"));
  for (const value of bad)
    assert.throws(
      () => parseChannelPointer(JSON.stringify(value), "staging"),
      { code: "store.damaged" },
      JSON.stringify(value),
    );
  assert.throws(() => parseChannelPointer("{", "staging"), { code: "store.damaged" });
});
