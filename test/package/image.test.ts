import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { imageLayout } from "../../bench/package/oci.ts";
import { must } from "../../bench/package/program.ts";
import { librariesOf, systemFiles } from "../../bench/package/system-files.ts";
import { type TarEntry, tarPieces } from "../../bench/package/tar.ts";
import { lookAt } from "../../bench/package/unpacked-image.ts";
import { needs, needsFile, needsProgram } from "../fixtures/needs.ts";

const EPOCH = 1_795_000_000;
let place: string;

before(async () => {
  place = await mkdtemp(path.join(tmpdir(), "ringfort-image-"));
});

after(() => rm(place, { recursive: true, force: true }));

function file(name: string, text: string, mode = 0o644): TarEntry {
  return { path: name, kind: "file", mode, owner: 0, content: Buffer.from(text) };
}

const LONG = `usr/lib/${"long-name-of-a-folder/".repeat(8)}file.js`;
const ENTRIES: readonly TarEntry[] = [
  file("usr/bin/b", "b", 0o755),
  { path: "usr", kind: "folder", mode: 0o755, owner: 0, content: new Uint8Array() },
  file("usr/bin/a", "a".repeat(512)),
  file(LONG, "long"),
  file("empty", ""),
  { path: "var", kind: "folder", mode: 0o750, owner: 65_532, content: new Uint8Array() },
];

function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...tarPieces(entries, EPOCH)]);
}

test("an archive is what tar reads: names, modes, owners, one time; in one order, whatever it was given in", async () => {
  const archive = path.join(place, "a.tar");
  await writeFile(archive, tarOf(ENTRIES));
  const listed = await must("tar", ["--numeric-owner", "--utc", "--full-time", "-tvf", archive]);
  const time = "2026-11-18 11:06:40";
  assert.deepEqual(
    listed
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ +/g, " ")),
    [
      `-rw-r--r-- 0/0 0 ${time} empty`,
      `drwxr-xr-x 0/0 0 ${time} usr/`,
      `-rw-r--r-- 0/0 512 ${time} usr/bin/a`,
      `-rwxr-xr-x 0/0 1 ${time} usr/bin/b`,
      `-rw-r--r-- 0/0 4 ${time} ${LONG}`,
      `drwxr-x--- 65532/65532 0 ${time} var/`,
    ],
  );
  assert.deepEqual(tarOf(ENTRIES.toReversed()), tarOf(ENTRIES));
});

test("what the form of an archive cannot hold is an error, and nothing is cut off", () => {
  for (const name of ["a".repeat(101), `${"a".repeat(156)}/b`, `${"a/".repeat(150)}b`, "naïve"])
    assert.throws(() => tarOf([file(name, "")]), name);
  assert.throws(() => tarOf([{ ...file("a", ""), owner: 8 ** 7 }]));
});

const CONFIG = {
  User: "65532:65532",
  ExposedPorts: { "8081/tcp": {} },
  Env: ["PATH=/usr/bin"],
  Entrypoint: ["/usr/bin/b"],
  Cmd: ["--config", "/etc/b"],
  Volumes: { "/var": {} },
  WorkingDir: "/usr",
  StopSignal: "SIGTERM",
  Labels: { "org.opencontainers.image.version": "1.2.3" },
};

const oci = needs(needsProgram("skopeo", "skopeo"), needsProgram("umoci", "umoci"));

test("skopeo and umoci take the layout as it is, and unpack what was put in", { skip: oci }, async () => {
  const made = imageLayout({
    layers: [{ what: "all", entries: ENTRIES }],
    config: CONFIG,
    name: "it",
    tag: "1.2.3",
    epoch: EPOCH,
  });
  const layout = path.join(place, "layout");
  for (const [name, content] of made.files) {
    await mkdir(path.dirname(path.join(layout, name)), { recursive: true });
    await writeFile(path.join(layout, name), content);
  }
  const seen = JSON.parse(await must("skopeo", ["inspect", `oci:${layout}:1.2.3`])) as Record<string, unknown>;
  assert.equal(seen["Digest"], made.manifest);
  assert.equal(seen["Created"], "2026-11-18T11:06:40Z");
  assert.deepEqual(seen["Labels"], CONFIG.Labels);
  // It copies by digest, and reads each blob for that.
  await must("skopeo", ["copy", "--insecure-policy", "-q", `oci:${layout}:1.2.3`, `oci:${path.join(place, "copy")}:x`]);
  const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
  await must("umoci", ["unpack", ...rootless, "--image", `${layout}:1.2.3`, path.join(place, "bundle")]);
  const root = path.join(place, "bundle/rootfs");
  assert.equal(await readFile(path.join(root, LONG), "utf8"), "long");
  assert.equal((await stat(path.join(root, "usr/bin/b"))).mode & 0o7777, 0o755);
  const { process: ran } = JSON.parse(await readFile(path.join(place, "bundle/config.json"), "utf8")) as {
    readonly process: { readonly user: object; readonly args: readonly string[]; readonly cwd: string };
  };
  assert.deepEqual(
    [ran.user, ran.args, ran.cwd],
    [{ uid: 65_532, gid: 65_532 }, ["/usr/bin/b", "--config", "/etc/b"], "/usr"],
  );
});

test("the digest of the unpacked layer is recorded beside that of the packed one", () => {
  const made = imageLayout({
    layers: [{ what: "all", entries: ENTRIES }],
    config: CONFIG,
    name: "it",
    tag: "x",
    epoch: EPOCH,
  });
  const [layer] = made.layers;
  const packed = made.files.get(`blobs/sha256/${layer?.digest.slice(7) ?? ""}`);
  assert.ok(packed !== undefined);
  assert.equal(layer?.diffId, `sha256:${createHash("sha256").update(gunzipSync(packed)).digest("hex")}`);
});

const debian = needs(needsProgram("dpkg-query", "dpkg"), needsFile("/usr/share/ca-certificates", "ca-certificates"));

test("libraries and roots are taken as their Debian packages brought them, each with its version", {
  skip: debian,
}, async () => {
  const { files, packages } = await systemFiles(process.execPath);
  const names = files.map(({ place: at }) => at);
  assert.ok(names.includes("usr/lib/x86_64-linux-gnu/libc.so.6"));
  assert.ok(names.includes("lib64/ld-linux-x86-64.so.2"));
  assert.ok(names.includes("etc/ssl/certs/ca-certificates.crt"));
  const libc = packages.find(({ name }) => name === "libc6");
  assert.match(libc?.version ?? "", /^\d/);
  assert.equal(libc?.files.length, names.filter((at) => /\/(?:ld-linux|lib(?:c|m|dl|pthread)\.so)/.test(at)).length);
});

test("a library that is not its package's gets into no image", { skip: debian }, async () => {
  // A program of which ldd tells a library that no package brought.
  const [library] = await librariesOf(process.execPath);
  assert.ok(library !== undefined);
  const own = path.join(place, path.basename(library.place));
  await writeFile(own, await readFile(library.from));
  const before = process.env["LD_LIBRARY_PATH"];
  process.env["LD_LIBRARY_PATH"] = place;
  try {
    await assert.rejects(systemFiles(process.execPath), /in no Debian package/);
  } finally {
    if (before === undefined) delete process.env["LD_LIBRARY_PATH"];
    else process.env["LD_LIBRARY_PATH"] = before;
  }
});

const root = process.getuid?.() === 0 ? false : "needs root, whose files an image holds";

test("what an image of ours must not hold is seen: whatever runs, runs as others, leads elsewhere or can be changed", {
  skip: root,
}, async () => {
  const image = path.join(place, "looked-at");
  const put = async (name: string, bytes: string | Uint8Array, mode = 0o644): Promise<void> => {
    await mkdir(path.dirname(path.join(image, name)), { recursive: true });
    await writeFile(path.join(image, name), bytes);
    await chmod(path.join(image, name), mode);
  };
  const program = (await readFile(process.execPath)).subarray(0, 64);
  await put("usr/lib/ringfort/bin/node", program, 0o755);
  await put("lib64/ld-linux-x86-64.so.2", program, 0o755);
  await put("usr/lib/x86_64-linux-gnu/libc.so.6", program);
  await put("usr/lib/ringfort/dist/main/ringfortd.js", "run()");
  const clean = await lookAt(image);
  assert.deepEqual([clean.files, clean.executables.length, clean.faults], [4, 2, []]);
  await put("usr/bin/tool", "#!/bin/node", 0o755);
  await put("usr/bin/quiet", program);
  await put("bin/sh", "x");
  await put("etc/open", "x", 0o666);
  await put("usr/lib/x86_64-linux-gnu/libc.so.6", program, 0o4644);
  await symlink("/proc/1/root", path.join(image, "out"));
  const { faults } = await lookAt(image);
  assert.deepEqual(faults.map((fault) => fault.replace(/ .*/, "")).toSorted(), [
    "bin/sh",
    "etc/open",
    "out",
    "usr/bin/quiet",
    "usr/bin/tool",
    "usr/lib/x86_64-linux-gnu/libc.so.6",
  ]);
});
