import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";
import path from "node:path";
import type { ImageProgress } from "../core/image/image-plan.ts";
import { type FoundBlocks, type FoundFile, judgeParts, rootPart } from "../core/image/judge-image.ts";
import { type ImageManifest, MANIFEST_FILE, MANIFEST_SIGNATURE, MOST_MANIFEST_BYTES } from "../core/image/manifest.ts";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { type Refusal, refuse } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { fileSource } from "../formats/archive/byte-source.ts";
import { openManifest } from "../formats/image/signed-manifest.ts";
import { checkVerity } from "../formats/image/verity.ts";
import type { MinisignKey } from "../formats/signatures/minisign.ts";

/** Names in an image's folder that are looked at. */
const MOST_NAMES = 256;
const PIECE_BYTES = 1_024 * 1_024;

/** The signed manifest of a folder, or of a file beside which its signature lies. Throws `store.io`. */
export async function readManifest(file: string, keys: readonly MinisignKey[]): Promise<ImageManifest | Refusal> {
  const [content, signature] = [
    await boundedFile(file, MOST_MANIFEST_BYTES),
    await boundedFile(`${file}.minisig`, LIMITS.signatureBytes),
  ];
  if (content === null) return refuse("image.malformed", `${MANIFEST_FILE} is missing, or too large`);
  if (signature === null) return refuse("image.signature-wrong", `${MANIFEST_SIGNATURE} is missing, or too large`);
  return openManifest(content, signature, keys);
}

/**
 * Reads all of an image: the manifest's signature first, then each part under the size that the manifest names, then each
 * block of the root against its root hash.
 */
export async function readImage(
  folder: string,
  keys: readonly MinisignKey[],
  progress: (at: ImageProgress) => void,
): Promise<ImageManifest | Refusal> {
  const image = await readManifest(path.join(folder, MANIFEST_FILE), keys);
  if ("kind" in image) return image;
  const names = await onDisk("reading the image's folder", () => readdir(folder));
  if (names.length > MOST_NAMES) return refuse("image.part-differs", `the folder has ${names.length} names`);
  const total = image.parts.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const count = (phase: string, bytes: number): void => {
    done += bytes;
    progress({ phase, done, total, unit: "bytes" });
  };
  const root = rootPart(image);
  const found: FoundFile[] = [];
  let blocks: FoundBlocks | null = null;
  for (const name of names.toSorted()) {
    const wanted = image.parts.find((part) => part.name === name);
    const stats = await onDisk("looking at a part of the image", () => lstat(path.join(folder, name)));
    if (wanted === undefined || !stats.isFile() || stats.size !== wanted.size) {
      found.push({ name, kind: stats.isFile() ? "file" : "other", size: stats.size, sha256: null });
      continue;
    }
    const hash = createHash("sha256");
    const use = (piece: Uint8Array): void => {
      hash.update(piece);
      count(name, piece.length);
    };
    blocks = name === root ? await rootBlocks(folder, image, use) : blocks;
    // Without its tree the root's blocks cannot be judged, and its digest still can.
    if (name !== root || blocks === null) await digest(path.join(folder, name), wanted.size, use);
    found.push({ name, kind: "file", size: stats.size, sha256: hash.digest("hex") });
  }
  return judgeParts(image, found, blocks) ?? image;
}

/** `null` where there is no tree of the right size. */
async function rootBlocks(
  folder: string,
  image: ImageManifest,
  seen: (block: Uint8Array) => void,
): Promise<FoundBlocks | null> {
  const [data, tree] = [path.join(folder, rootPart(image)), path.join(folder, "root.verity")];
  const wanted = image.parts.find(({ name }) => name === "root.verity")?.size ?? 0;
  const stats = await lstat(tree).catch(() => null);
  if (stats === null || !stats.isFile() || stats.size !== wanted) return null;
  const { dataBlocks, blockBytes } = image.verity;
  return await withFile(data, (dataFile) =>
    withFile(tree, (treeFile) =>
      checkVerity(image.verity, fileSource(dataFile, dataBlocks * blockBytes), fileSource(treeFile, wanted), { seen }),
    ),
  );
}

async function digest(file: string, size: number, use: (piece: Uint8Array) => void): Promise<void> {
  await withFile(file, async (handle) => {
    const source = fileSource(handle, size);
    for (let at = 0; at < size; at += PIECE_BYTES) use(await source.read(at, Math.min(PIECE_BYTES, size - at)));
  });
}

/** A link would lead out of the folder, and a pipe never end: neither is followed. */
async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  return await onDisk("reading a part of the image", async () => {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  });
}

/** `null` where it is not there, no regular file, or longer. */
async function boundedFile(file: string, most: number): Promise<Uint8Array | null> {
  const stats = await onDisk("looking at a manifest", () =>
    lstat(file).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return null;
      throw cause;
    }),
  );
  if (stats === null || !stats.isFile() || stats.size > most) return null;
  return await withFile(file, (handle) => fileSource(handle, stats.size).read(0, stats.size));
}
