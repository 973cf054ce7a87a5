import assert from "node:assert/strict";
import { test } from "node:test";
import { BLOCK_BYTES, formatManifest, type ImageManifest, parseManifest, verityBytes } from "./manifest.ts";

const sha256 = "a".repeat(64);
const dataBlocks = 1_000;
const good: ImageManifest = {
  format: "ringfort-image-1",
  name: "bastion",
  created: 1_790_000_000,
  by: "0.1.0",
  architecture: "amd64",
  root: "erofs",
  verity: { algorithm: "sha256", blockBytes: BLOCK_BYTES, dataBlocks, salt: "00ff", rootHash: sha256 },
  parts: [
    { name: "root.erofs", size: dataBlocks * BLOCK_BYTES, sha256 },
    { name: "root.verity", size: verityBytes(dataBlocks), sha256 },
    { name: "sbom.cdx.json", size: 9, sha256 },
  ],
  packages: [{ name: "libc6", version: "2.36-9+deb12u14", architecture: "amd64" }],
  configuration: { sha256, files: ["etc/ringfort/ringfort.yaml"] },
  archives: [{ index: "mirror.example_InRelease", sha256 }],
  tools: [{ name: "mkfs.erofs", version: "1.5" }],
};

function isRead(change: object): boolean {
  return !("fault" in parseManifest(JSON.stringify({ ...good, ...change })));
}

test("a manifest is read as it is written", () => {
  assert.deepEqual(parseManifest(formatManifest(good)), good);
});

test("a part's name is one of the known ones, and never a path", () => {
  const [root, tree] = good.parts;
  for (const name of ["../root.erofs", "/etc/passwd", "root.erofs/..", "ROOT.EROFS", "initrd", "", "manifest.json"])
    assert.equal(isRead({ parts: [root, tree, { name, size: 1, sha256 }] }), false, name);
});

test("parts that do not fit together are no manifest", () => {
  const [root, tree, sbom] = good.parts;
  const cases: readonly (readonly [string, object])[] = [
    ["no root", { parts: [tree, sbom] }],
    ["two roots", { parts: [root, { ...root, name: "root.squashfs" }, tree] }],
    ["the other root", { root: "squashfs" }],
    ["a part twice", { parts: [root, tree, sbom, sbom] }],
    ["a root of another size", { parts: [{ ...root, size: BLOCK_BYTES }, tree] }],
    ["a tree of another size", { parts: [root, { ...tree, size: BLOCK_BYTES }] }],
    ["no tree", { parts: [root, sbom] }],
    ["a kernel without its command line", { parts: [root, tree, { name: "vmlinuz", size: 1, sha256 }] }],
    ["more blocks than are held", { verity: { ...good.verity, dataBlocks: 2 ** 40 } }],
    ["another algorithm", { verity: { ...good.verity, algorithm: "sha1" } }],
    ["a field that nobody knows", { next: "reboot" }],
    ["no package", { packages: [] }],
    ["a package whose name breaks a line", { packages: [{ name: "a\nb", version: "1", architecture: "all" }] }],
    ["a name with a path in it", { name: "../bastion" }],
    ["no time", { created: 0 }],
  ];
  for (const [what, change] of cases) assert.equal(isRead(change), false, what);
  assert.equal(isRead({}), true);
});
