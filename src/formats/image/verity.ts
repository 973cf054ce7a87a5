import { hash } from "node:crypto";
import { BLOCK_BYTES, type VerityParameters, verityLevels } from "../../core/image/manifest.ts";
import type { ByteSource } from "../archive/byte-source.ts";

/** Blocks that are read at once. */
const PIECE_BLOCKS = 256;
const DIGEST_BYTES = 32;

/** One block that is not the one which the root hash names. */
interface WrongBlock {
  readonly of: "superblock" | "tree" | "data";
  /** Counted from the beginning of its file. */
  readonly block: number;
}

export interface VerityResult {
  /** The first ones. What hangs below a wrong block of the tree cannot be judged and is not counted. */
  readonly wrong: readonly WrongBlock[];
  readonly wrongBlocks: number;
  readonly unjudged: number;
  readonly dataBlocks: number;
}

/**
 * Compares every block of a root file system with its root hash, by way of the hash tree: first the tree from its top
 * downwards, for only a level whose digests are known to be good says anything of the next, then the data. A digest is
 * that of salt and block (dm-verity, hash type 1). Nothing is believed of the tree's superblock: it must say what the
 * signed parameters say. `seen` gets every block of the data, in order, and may digest it for itself.
 *
 * @throws Failure `store.io` when a file is shorter than its parameters say.
 */
export async function checkVerity(
  parameters: VerityParameters,
  data: ByteSource,
  tree: ByteSource,
  { most = 10, seen = () => {} }: { readonly most?: number; readonly seen?: (block: Uint8Array) => void } = {},
): Promise<VerityResult> {
  const salted = saltedDigest(Buffer.from(parameters.salt, "hex"));
  const wrong: WrongBlock[] = [];
  let wrongBlocks = 0;
  let unjudged = 0;
  const blame = (of: WrongBlock["of"], block: number): void => {
    wrongBlocks += 1;
    if (wrong.length < most) wrong.push({ of, block });
  };
  if (!isSuperblock(await tree.read(0, BLOCK_BYTES), parameters)) blame("superblock", 0);
  let above: Level = { digests: Buffer.from(parameters.rootHash, "hex"), wrong: new Set() };
  let at = 1;
  for (const blocks of verityLevels(parameters.dataBlocks).toReversed()) {
    const level = { digests: Buffer.alloc(blocks * BLOCK_BYTES), wrong: new Set<number>() };
    await eachBlock(tree, at, blocks, (block, index) => {
      level.digests.set(block, index * BLOCK_BYTES);
      const said = digestIn(above, index);
      if (said === null || !salted(block).equals(said)) level.wrong.add(index);
      if (said !== null && level.wrong.has(index)) blame("tree", at + index);
    });
    above = level;
    at += blocks;
  }
  await eachBlock(data, 0, parameters.dataBlocks, (block, index) => {
    seen(block);
    const said = digestIn(above, index);
    if (said === null) unjudged += 1;
    else if (!salted(block).equals(said)) blame("data", index);
  });
  return { wrong, wrongBlocks, unjudged, dataBlocks: parameters.dataBlocks };
}

/** Digests of the next level's blocks, and which of the blocks that they stand in are wrong. */
interface Level {
  readonly digests: Buffer;
  readonly wrong: ReadonlySet<number>;
}

/** What a level says of a block of the next; `null` where it stands in a block that is wrong itself. */
function digestIn({ digests, wrong }: Level, index: number): Uint8Array | null {
  const from = index * DIGEST_BYTES;
  return wrong.has(Math.floor(from / BLOCK_BYTES)) ? null : digests.subarray(from, from + DIGEST_BYTES);
}

async function eachBlock(
  source: ByteSource,
  from: number,
  blocks: number,
  use: (block: Uint8Array, index: number) => void,
): Promise<void> {
  for (let first = 0; first < blocks; first += PIECE_BLOCKS) {
    const count = Math.min(blocks - first, PIECE_BLOCKS);
    const piece = await source.read((from + first) * BLOCK_BYTES, count * BLOCK_BYTES);
    for (let index = 0; index < count; index += 1)
      use(piece.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES), first + index);
  }
}

function saltedDigest(salt: Uint8Array): (block: Uint8Array) => Buffer {
  const room = Buffer.alloc(salt.length + BLOCK_BYTES);
  room.set(salt);
  return (block) => {
    room.set(block, salt.length);
    return hash("sha256", room, "buffer");
  };
}

/** cryptsetup's superblock, 512 bytes, all numbers little-endian; the rest of its block is zeros. The UUID may be any. */
function isSuperblock(block: Uint8Array, { dataBlocks, salt }: VerityParameters): boolean {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const salted = Buffer.from(salt, "hex");
  return (
    bytes.toString("latin1", 0, 8) === "verity\0\0" &&
    bytes.readUInt32LE(8) === 1 &&
    bytes.readUInt32LE(12) === 1 &&
    bytes.toString("latin1", 32, 64) === "sha256".padEnd(32, "\0") &&
    bytes.readUInt32LE(64) === BLOCK_BYTES &&
    bytes.readUInt32LE(68) === BLOCK_BYTES &&
    bytes.readBigUInt64LE(72) === BigInt(dataBlocks) &&
    bytes.readUInt16LE(80) === salted.length &&
    bytes.subarray(88, 88 + salted.length).equals(salted)
  );
}
