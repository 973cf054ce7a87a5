import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { commandLine, type ImageProgress, type ImageWish, packArguments } from "../core/image/image-plan.ts";
import { imageSbom } from "../core/image/image-sbom.ts";
import {
  BLOCK_BYTES,
  formatManifest,
  type ImageManifest,
  type ImagePart,
  MANIFEST_FILE,
  MANIFEST_SIGNATURE,
  type PartName,
  type RootFormat,
} from "../core/image/manifest.ts";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { readMinisignKeys } from "../formats/signatures/minisign.ts";
import { digestOf } from "./digest-file.ts";
import { makeRoot } from "./make-root.ts";
import { readImage } from "./read-image.ts";
import { take } from "./stage-files.ts";
import { needTools, runTool, type Tool, toolVersion } from "./tools.ts";

const STEPS = 6;

/**
 * Builds a golden image: a Debian root, packed, with a hash tree, a bill of materials and a signed manifest. All of it is
 * made beside the folder and renamed at the end; what was built is read again, by our own reader of the hash tree, before.
 */
export async function buildImage(
  wish: ImageWish,
  progress: (at: ImageProgress) => void,
): Promise<ImageManifest | Refusal> {
  const tools = toolsFor(wish.format);
  needTools(tools);
  if (!wish.isRoot) throw new Failure("image.not-built", "only root can make a root file system with its owners: sudo");
  const work = await onDisk("making a folder beside the image", async () => {
    await mkdir(path.dirname(wish.folder), { recursive: true });
    await newFolder(wish.folder);
    return await mkdtemp(`${wish.folder}.partial-`);
  });
  const step = (done: number, phase: string): void => progress({ phase, done, total: STEPS, unit: "steps" });
  try {
    const image = path.join(work, "image");
    await onDisk("making the image's folder", () => mkdir(image));
    const made = await makeRoot(wish, work, (line) => step(0, line.replace(/^I: /, "")));
    if ("kind" in made) return made;
    step(2, `packing root.${wish.format}`);
    const packed = path.join(image, `root.${wish.format}`);
    const uuid = uuidFrom(`${wish.name} ${wish.created}`);
    const packer = wish.format === "erofs" ? "mkfs.erofs" : "mksquashfs";
    await runTool(packer, packArguments(wish.format, made.root, packed, wish.created, uuid));
    step(3, "making the hash tree");
    const verity = await makeTree(packed, path.join(image, "root.verity"), uuid);
    const described: Omit<ImageManifest, "parts"> = {
      format: "ringfort-image-1",
      name: wish.name,
      created: wish.created,
      by: wish.by,
      architecture: made.architecture,
      root: wish.format,
      verity,
      packages: made.packages,
      configuration: made.configuration,
      archives: made.archives,
      tools: await Promise.all(tools.map(async (name) => ({ name, version: await toolVersion(name) }))),
    };
    if (wish.boots) await takeBoot(made.root, image, commandLine(described));
    await onDisk("writing the bill of materials", () =>
      writeFile(path.join(image, "sbom.cdx.json"), imageSbom(described)),
    );
    step(4, "digesting");
    const text = formatManifest({ ...described, parts: await partsOf(image) });
    await onDisk("writing the manifest", async () => {
      await writeFile(path.join(image, MANIFEST_FILE), text);
      await writeFile(path.join(image, MANIFEST_SIGNATURE), wish.sign(text));
    });
    step(5, "reading the image again");
    const read = await readImage(image, readMinisignKeys([wish.publicKey]), () => {});
    if ("kind" in read) return read;
    await onDisk("putting the image into its place", async () => {
      await settle(image);
      await rename(image, wish.folder);
    });
    step(STEPS, "built");
    return read;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function toolsFor(format: RootFormat): readonly Tool[] {
  return ["mmdebstrap", format === "erofs" ? "mkfs.erofs" : "mksquashfs", "veritysetup", "dpkg-deb", "dpkg-query"];
}

/** The place is taken before an hour of work, and is free when it is renamed. */
async function newFolder(folder: string): Promise<void> {
  const held = await readdir(folder).catch((cause: unknown) => {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  });
  if (held.length > 0) throw new Failure("image.not-built", "the folder for the image holds something already");
}

async function takeBoot(root: string, image: string, words: string): Promise<void> {
  const work = path.dirname(root);
  for (const name of ["vmlinuz", "initrd.img"]) await take(path.join(work, name), path.join(image, name));
  await onDisk("writing the kernel's command line", () => writeFile(path.join(image, "cmdline"), `${words}\n`));
}

/** The salt follows from what is salted, so that two builds are one, and no two images share a tree. */
async function makeTree(packed: string, tree: string, uuid: string): Promise<ImageManifest["verity"]> {
  const { size, sha256: salt } = await digestOf(packed);
  if (size % BLOCK_BYTES !== 0) throw new Failure("image.not-built", "the root file system does not end with a block");
  const blocks = [`--data-block-size=${BLOCK_BYTES}`, `--hash-block-size=${BLOCK_BYTES}`, "--hash=sha256"];
  const told = await runTool("veritysetup", ["format", `--salt=${salt}`, `--uuid=${uuid}`, ...blocks, packed, tree]);
  const rootHash = /^Root hash:\s+([0-9a-f]{64})$/m.exec(told)?.[1];
  if (rootHash === undefined) throw new Failure("image.not-built", "veritysetup tells no root hash");
  return { algorithm: "sha256", blockBytes: BLOCK_BYTES, dataBlocks: size / BLOCK_BYTES, salt, rootHash };
}

function uuidFrom(text: string): string {
  const hex = createHash("sha256").update(`ringfort-image ${text}`).digest("hex");
  // RFC 9562 section 5.8: version 8, of one's own making.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function partsOf(image: string): Promise<ImagePart[]> {
  const parts: ImagePart[] = [];
  for (const name of (await onDisk("listing the image", () => readdir(image))).toSorted())
    parts.push({ name: name as PartName, ...(await digestOf(path.join(image, name))) });
  return parts;
}

/** On the disk before the name is: a folder of that name is a whole image. */
async function settle(image: string): Promise<void> {
  for (const name of [...(await readdir(image)), "."]) {
    const handle = await open(path.join(image, name));
    try {
      await handle.sync();
      if ((await stat(path.join(image, name))).isFile()) await handle.chmod(0o644);
    } finally {
      await handle.close();
    }
  }
}
