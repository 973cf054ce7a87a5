import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import {
  completedNodes,
  consistencyProof,
  continues,
  includes,
  inclusionProof,
  leafHash,
  type NodeAt,
  rootOf,
  type TreeHash,
} from "./merkle-tree.ts";

const hash: TreeHash = (...parts) => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** Grown leaf by leaf, as the ledger does it. */
function grown(leaves: readonly Uint8Array[]): NodeAt {
  const nodes = new Map<string, Uint8Array>();
  const nodeAt: NodeAt = (level, index) => {
    const found = nodes.get(`${level} ${index}`);
    if (found === undefined) throw new Error(`no node ${level} ${index}`);
    return found;
  };
  for (const [size, leaf] of leaves.entries())
    for (const node of completedNodes(hash, size, leaf, nodeAt)) nodes.set(`${node.level} ${node.index}`, node.hash);
  return nodeAt;
}

/** MTH as RFC 6962 section 2.1 writes it, with nothing kept. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash();
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return hash(Uint8Array.of(0), only);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return hash(Uint8Array.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

const some = (count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, at) => Buffer.from(`leaf ${at}`));

// The test leaves and roots of the Certificate Transparency project's own reference tree.
const KNOWN_LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const KNOWN_ROOTS: Readonly<Record<number, string>> = {
  0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

test("the roots are those of the reference tree", () => {
  const leaves = KNOWN_LEAVES.map((hex) => Buffer.from(hex, "hex"));
  const nodeAt = grown(leaves);
  for (const [size, root] of Object.entries(KNOWN_ROOTS))
    assert.equal(Buffer.from(rootOf(hash, Number(size), nodeAt)).toString("hex"), root, size);
});

test("every root of a growing tree is that of its leaves alone", () => {
  const leaves = some(70);
  const nodeAt = grown(leaves);
  for (let size = 0; size <= leaves.length; size += 1)
    assert.deepEqual(Buffer.from(rootOf(hash, size, nodeAt)), Buffer.from(mth(leaves.slice(0, size))), String(size));
});

test("each leaf is shown to be in each tree, and in no other place of it", () => {
  const leaves = some(33);
  const nodeAt = grown(leaves);
  for (let size = 1; size <= leaves.length; size += 1) {
    const root = rootOf(hash, size, nodeAt);
    for (let index = 0; index < size; index += 1) {
      const leaf = leafHash(hash, leaves[index] ?? Buffer.alloc(0));
      const proof = inclusionProof(hash, index, size, nodeAt);
      assert.ok(includes(hash, { leaf, index, size, root }, proof), `${index} of ${size}`);
      assert.ok(!includes(hash, { leaf, index: index + 1, size, root }, proof));
      assert.ok(!includes(hash, { leaf, index, size, root }, [...proof, root]));
    }
  }
});

test("each tree is shown to begin with each smaller one", () => {
  const nodeAt = grown(some(33));
  for (let to = 0; to <= 33; to += 1)
    for (let from = 0; from <= to; from += 1) {
      const older = { size: from, root: rootOf(hash, from, nodeAt) };
      const newer = { size: to, root: rootOf(hash, to, nodeAt) };
      assert.ok(continues(hash, older, newer, consistencyProof(hash, from, to, nodeAt)), `${from} to ${to}`);
    }
});

test("a tree whose past was changed continues no older one, whatever proof is given", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (size, pick, change) => {
      const from = 1 + (pick % (size - 1));
      const leaves = some(size);
      const forged = leaves.with(change % from, Buffer.from("forged"));
      const [before, after] = [grown(leaves), grown(forged)];
      const older = { size: from, root: rootOf(hash, from, before) };
      const newer = { size, root: rootOf(hash, size, after) };
      for (const nodes of [before, after])
        assert.ok(!continues(hash, older, newer, consistencyProof(hash, from, size, nodes)));
    }),
  );
});
