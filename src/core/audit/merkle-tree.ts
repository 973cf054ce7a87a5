/**
 * The Merkle tree of RFC 6962 section 2.1, over leaves that are only ever added at its end. A node is named by its level
 * (0: leaves) and its index on that level; only nodes over a full number of leaves are kept, for these never change.
 * Everything here is pure: hashing and the kept nodes come as arguments.
 */

/** SHA-256 of the parts one behind the other: 32 bytes. */
export type TreeHash = (...parts: readonly Uint8Array[]) => Uint8Array;

/** A kept node. Throws when there is none of that name: the caller asks for no other. */
export type NodeAt = (level: number, index: number) => Uint8Array;

export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

// Two prefixes keep a leaf from passing for a node, and so a forger from moving the tree's floor (RFC 6962 section 2.1).
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(hash: TreeHash, leaf: Uint8Array): Uint8Array {
  return hash(LEAF, leaf);
}

function nodeHash(hash: TreeHash, left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(NODE, left, right);
}

/** The nodes that a leaf completes when it is added as number `size` (from 0): itself first, each above the one before. */
export function completedNodes(hash: TreeHash, size: number, leaf: Uint8Array, nodeAt: NodeAt): readonly TreeNode[] {
  const nodes: TreeNode[] = [{ level: 0, index: size, hash: leafHash(hash, leaf) }];
  let index = size;
  for (let level = 0; index % 2 === 1; level += 1) {
    const right = nodes.at(-1)?.hash ?? LEAF;
    const above = nodeHash(hash, nodeAt(level, index - 1), right);
    index = (index - 1) / 2;
    nodes.push({ level: level + 1, index, hash: above });
  }
  return nodes;
}

/** The root over the first `size` leaves. */
export function rootOf(hash: TreeHash, size: number, nodeAt: NodeAt): Uint8Array {
  return size === 0 ? hash() : rangeHash(hash, 0, size, nodeAt);
}

/** MTH(D[from:to]) of RFC 6962 section 2.1; `from` is a multiple of the largest power of two below the length. */
function rangeHash(hash: TreeHash, from: number, to: number, nodeAt: NodeAt): Uint8Array {
  const count = to - from;
  const left = largestPowerBelow(count);
  if (count === 1 || left * 2 === count) {
    const level = Math.log2(count);
    return nodeAt(level, from / count);
  }
  return nodeHash(hash, rangeHash(hash, from, from + left, nodeAt), rangeHash(hash, from + left, to, nodeAt));
}

/** The largest power of two that is less than `count`; 1 for 1. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/** The hashes that lead from a leaf to the root over `size` leaves (RFC 6962 section 2.1.1), the lowest first. */
export function inclusionProof(hash: TreeHash, index: number, size: number, nodeAt: NodeAt): readonly Uint8Array[] {
  if (index < 0 || index >= size) throw new RangeError("no such leaf");
  const path = (at: number, from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const middle = from + largestPowerBelow(to - from);
    return at < middle
      ? [...path(at, from, middle), rangeHash(hash, middle, to, nodeAt)]
      : [...path(at, middle, to), rangeHash(hash, from, middle, nodeAt)];
  };
  return path(index, 0, size);
}

/** Shows that the tree over `to` leaves begins with the tree over `from` leaves (RFC 6962 section 2.1.2). */
export function consistencyProof(hash: TreeHash, from: number, to: number, nodeAt: NodeAt): readonly Uint8Array[] {
  if (from < 0 || from > to) throw new RangeError("a tree does not shrink");
  if (from === 0 || from === to) return [];
  const sub = (size: number, start: number, end: number, whole: boolean): Uint8Array[] => {
    const count = end - start;
    if (size === count) return whole ? [] : [rangeHash(hash, start, end, nodeAt)];
    const middle = largestPowerBelow(count);
    return size <= middle
      ? [...sub(size, start, start + middle, whole), rangeHash(hash, start + middle, end, nodeAt)]
      : [...sub(size - middle, start + middle, end, false), rangeHash(hash, start, start + middle, nodeAt)];
  };
  return sub(from, 0, to, true);
}

/** A proof is no longer than the tree is deep: 2^53 leaves, both ways. */
const MOST_PROOF_HASHES = 2 * 53;

/** RFC 9162 section 2.1.3.2: whether the proof leads from the leaf's hash to the root. */
export function includes(
  hash: TreeHash,
  claim: { readonly leaf: Uint8Array; readonly index: number; readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!(claim.index >= 0 && claim.index < claim.size) || proof.length > MOST_PROOF_HASHES) return false;
  let [node, last, found] = [claim.index, claim.size - 1, claim.leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      found = nodeHash(hash, sibling, found);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else found = nodeHash(hash, found, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(found, claim.root);
}

/** RFC 9162 section 2.1.4.2: whether the larger tree begins with the smaller one. */
export function continues(
  hash: TreeHash,
  older: { readonly size: number; readonly root: Uint8Array },
  newer: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (older.size > newer.size || proof.length > MOST_PROOF_HASHES) return false;
  if (older.size === newer.size) return proof.length === 0 && same(older.root, newer.root);
  if (older.size === 0) return proof.length === 0 && same(older.root, hash());
  // A smaller tree that is full is a node of the larger one, and stands in for the proof's first hash.
  const path = isPower(older.size) ? [older.root, ...proof] : [...proof];
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [node, last] = [older.size - 1, newer.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [small, large] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      small = nodeHash(hash, sibling, small);
      large = nodeHash(hash, sibling, large);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else large = nodeHash(hash, large, sibling);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(small, older.root) && same(large, newer.root);
}

// Sizes may pass 2^31, where shifts of numbers go wrong.
function half(count: number): number {
  return Math.floor(count / 2);
}

function isPower(size: number): boolean {
  return Number.isInteger(Math.log2(size));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
