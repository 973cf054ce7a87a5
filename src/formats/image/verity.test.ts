import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { run } from "../../../test/fixtures/daemon.ts";
import { blocksOf, forgeTree } from "../../../test/fixtures/image-forge.ts";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { BLOCK_BYTES, type VerityParameters, verityBytes, verityLevels } from "../../core/image/manifest.ts";
import { bytesSource } from "../archive/byte-source.ts";
import { checkVerity, type VerityResult } from "./verity.ts";

const SALT = "c0ffee".repeat(10);

function parametersOf(data: Buffer, rootHash: string): VerityParameters {
  return { algorithm: "sha256", blockBytes: 4_096, dataBlocks: data.length / BLOCK_BYTES, salt: SALT, rootHash };
}

function check(data: Buffer, tree: Buffer, rootHash: string): Promise<VerityResult> {
  return checkVerity(parametersOf(data, rootHash), bytesSource(data), bytesSource(tree));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

test("the levels of a tree: 128 digests to a block, and one block at the top", () => {
  assert.deepEqual(
    [1, 2, 128, 129, 16_384, 16_385].map((blocks) => verityLevels(blocks)),
    [[], [1], [1], [2, 1], [128, 1], [129, 2, 1]],
  );
  assert.equal(verityBytes(129), 4 * BLOCK_BYTES);
});

test("a flipped byte is found in exactly its block, wherever it is, and a whole image is whole", async () => {
  const data = blocksOf(300);
  const { tree, rootHash } = forgeTree(data, SALT);
  assert.deepEqual(await check(data, tree, rootHash), { wrong: [], wrongBlocks: 0, unjudged: 0, dataBlocks: 300 });
  await fc.assert(
    fc.asyncProperty(fc.nat(data.length - 1), async (at) => {
      const { wrong, wrongBlocks } = await check(flipped(data, at), tree, rootHash);
      assert.deepEqual([wrong, wrongBlocks], [[{ of: "data", block: Math.floor(at / BLOCK_BYTES) }], 1]);
    }),
    { numRuns: 20 },
  );
});

test("a wrong block of the tree is named, and what hangs below it is not called good", async () => {
  const data = blocksOf(300);
  const { tree, rootHash } = forgeTree(data, SALT);
  // The superblock, the top, then the leaves of blocks 0 to 127, 128 to 255, and 256 to 299.
  const of = async (block: number): Promise<unknown> => {
    const { wrong, unjudged } = await check(data, flipped(tree, block * BLOCK_BYTES + 9), rootHash);
    return [wrong, unjudged];
  };
  assert.deepEqual(await of(0), [[{ of: "superblock", block: 0 }], 0]);
  assert.deepEqual(await of(1), [[{ of: "tree", block: 1 }], 300]);
  assert.deepEqual(await of(3), [[{ of: "tree", block: 3 }], 128]);
  assert.deepEqual(await of(4), [[{ of: "tree", block: 4 }], 44]);
});

test("another tree over other data does not pass under the root hash of this one", async () => {
  const data = blocksOf(200);
  const other = flipped(data, 5);
  const { rootHash } = forgeTree(data, SALT);
  const { wrong } = await check(other, forgeTree(other, SALT).tree, rootHash);
  assert.deepEqual(wrong, [{ of: "tree", block: 1 }]);
});

test("veritysetup makes the tree that we read, and says the same of flipped bytes", {
  skip: needsProgram("veritysetup", "cryptsetup-bin"),
}, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-verity-"));
  try {
    for (const blocks of [1, 2, 128, 129, 300]) {
      const data = blocksOf(blocks);
      const [dataFile, treeFile] = [path.join(folder, "data"), path.join(folder, "tree")];
      await writeFile(dataFile, data);
      await rm(treeFile, { force: true });
      const made = await run("/usr/sbin/veritysetup", ["format", `--salt=${SALT}`, dataFile, treeFile]);
      const rootHash = /^Root hash:\s+([0-9a-f]{64})$/m.exec(made.stdout)?.[1] ?? "";
      const tree = await readFile(treeFile);
      assert.equal(tree.length, verityBytes(blocks));
      const places = [
        null,
        ...[0, data.length - 1].map((at) => ["data", at] as const),
        ["tree", tree.length - 1] as const,
      ];
      for (const place of places) {
        const now = place?.[0] === "data" ? flipped(data, place[1]) : data;
        const nowTree = place?.[0] === "tree" && blocks > 1 ? flipped(tree, place[1]) : tree;
        await writeFile(dataFile, now);
        await writeFile(treeFile, nowTree);
        const oracle = await run("/usr/sbin/veritysetup", ["verify", dataFile, treeFile, rootHash]);
        const { wrongBlocks } = await check(now, nowTree, rootHash);
        assert.equal(wrongBlocks === 0, oracle.code === 0, `${blocks} blocks, ${String(place)}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
