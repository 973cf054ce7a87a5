import { quoteOutside, type Refusal, refuse } from "../kernel/errors.ts";
import { BLOCK_BYTES, type ImageManifest, MANIFEST_FILE, MANIFEST_SIGNATURE, type PartName } from "./manifest.ts";

/** One name in an image's folder, as it was found. `sha256` is of a regular file of at most the size that was expected. */
export interface FoundFile {
  readonly name: string;
  readonly kind: "file" | "other";
  readonly size: number;
  readonly sha256: string | null;
}

/** What the blocks of the root file system came to, against the root hash. */
export interface FoundBlocks {
  readonly wrong: readonly { readonly of: "superblock" | "tree" | "data"; readonly block: number }[];
  readonly wrongBlocks: number;
  readonly unjudged: number;
}

/** At most so many faults are told; the rest is counted. */
const MOST_TOLD = 10;

/**
 * What is wrong with an image's folder, or `null`. The blocks come first: a part whose digest differs says no more than
 * that, a block says where.
 */
export function judgeParts(
  image: ImageManifest,
  found: readonly FoundFile[],
  blocks: FoundBlocks | null,
): Refusal | null {
  const faults: string[] = [];
  for (const { of, block } of blocks?.wrong ?? []) faults.push(blockText(image, of, block));
  const more = (blocks?.wrongBlocks ?? 0) - (blocks?.wrong.length ?? 0);
  if (more > 0) faults.push(`${more} blocks more differ`);
  if (blocks !== null && blocks.unjudged > 0)
    faults.push(`${blocks.unjudged} blocks hang below a wrong block of the hash tree and cannot be judged`);
  const wrong = [...partFaults(image, found), ...strangers(image, found)];
  if (faults.length > 0) return refuse("image.block-differs", told([...faults, ...wrong]));
  return wrong.length > 0 ? refuse("image.part-differs", told(wrong)) : null;
}

function blockText(image: ImageManifest, of: FoundBlocks["wrong"][number]["of"], block: number): string {
  if (of === "superblock") return "root.verity: its superblock says otherwise than the manifest";
  const file = of === "tree" ? "root.verity" : `root.${image.root}`;
  const from = block * BLOCK_BYTES;
  return `${file}: block ${block} (bytes ${from} to ${from + BLOCK_BYTES - 1}) differs`;
}

function partFaults(image: ImageManifest, found: readonly FoundFile[]): readonly string[] {
  return image.parts.flatMap(({ name, size, sha256 }) => {
    const file = found.find((each) => each.name === name);
    if (file === undefined) return [`${name} is missing`];
    if (file.kind !== "file") return [`${name} is no regular file`];
    if (file.size !== size) return [`${name} has ${file.size} bytes and not ${size}`];
    return file.sha256 === sha256 ? [] : [`${name} has another digest`];
  });
}

/** What nobody has signed and lies beside what was: a boot loader that takes every file of a folder would take it too. */
function strangers(image: ImageManifest, found: readonly FoundFile[]): readonly string[] {
  const meant = new Set<string>([MANIFEST_FILE, MANIFEST_SIGNATURE, ...image.parts.map(({ name }) => name)]);
  return found.filter(({ name }) => !meant.has(name)).map(({ name }) => `${quoteOutside(name)} is not named`);
}

function told(faults: readonly string[]): string {
  const shown = faults.slice(0, MOST_TOLD).join("\n");
  return faults.length > MOST_TOLD ? `${shown}\nand ${faults.length - MOST_TOLD} more` : shown;
}

/**
 * Whether an image may follow the one in use. An older one is signed just as well, and has the holes that the newer one
 * closed.
 */
export function judgeSuccession(image: ImageManifest, held: ImageManifest): Refusal | null {
  if (image.name !== held.name)
    return refuse("image.older-than-held", `it is of ${image.name}, and ${held.name} is in use`);
  if (image.created > held.created) return null;
  if (image.created === held.created && image.verity.rootHash === held.verity.rootHash) return null;
  const when = image.created === held.created ? "is of the same time, and another one" : "is older than the one in use";
  return refuse("image.older-than-held", `it ${when}`);
}

/** The part that is the root file system. */
export function rootPart(image: ImageManifest): PartName {
  return `root.${image.root}`;
}
