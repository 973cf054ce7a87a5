import * as z from "zod";

/** Bytes of a manifest: some thousand packages have a megabyte of names. */
export const MOST_MANIFEST_BYTES = 8 * 1_024 * 1_024;
export const BLOCK_BYTES = 4_096;
/** Blocks of a root file system: 16 GiB. Its hash tree is held in memory, and has a 128th of that. */
const MOST_DATA_BLOCKS = 4 * 1_024 * 1_024;
const MOST_PACKAGES = 20_000;

export const MANIFEST_FILE = "manifest.json";
export const MANIFEST_SIGNATURE = `${MANIFEST_FILE}.minisig`;

/**
 * What an image may be made of. A part's name is one of these words and never a path: whoever signs a manifest can name
 * no file outside the image's folder.
 */
const PARTS = [
  "root.erofs",
  "root.squashfs",
  "root.verity",
  "vmlinuz",
  "initrd.img",
  "cmdline",
  "sbom.cdx.json",
] as const;
export type PartName = (typeof PARTS)[number];

export const FORMATS = ["erofs", "squashfs"] as const;
export type RootFormat = (typeof FORMATS)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const line = (most: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}\p{Cf}\u2028\u2029]+$/u);
/** Seconds since 1970, as SOURCE_DATE_EPOCH has them. */
const epoch = z.int().positive().max(253_402_300_799);

const part = z.strictObject({
  name: z.enum(PARTS),
  size: z
    .int()
    .nonnegative()
    .max(MOST_DATA_BLOCKS * BLOCK_BYTES),
  sha256,
});

const verity = z.strictObject({
  algorithm: z.literal("sha256"),
  blockBytes: z.literal(BLOCK_BYTES),
  dataBlocks: z.int().positive().max(MOST_DATA_BLOCKS),
  salt: z.string().regex(/^(?:[0-9a-f]{2}){1,64}$/),
  rootHash: sha256,
});

const manifest = z.strictObject({
  format: z.literal("ringfort-image-1"),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  /** The time that every file of it has, and by which one image is later than another. */
  created: epoch,
  by: line(64),
  architecture: line(32),
  root: z.enum(FORMATS),
  verity,
  parts: z.array(part).min(2).max(PARTS.length),
  packages: z
    .array(z.strictObject({ name: line(128), version: line(128), architecture: line(32) }))
    .min(1)
    .max(MOST_PACKAGES),
  /** Of the configuration that went into it: each file's digest under its name, digested. */
  configuration: z.strictObject({ sha256, files: z.array(line(1_024)).max(10_000) }),
  /** The signed index of each package archive, as it was: two builds from the same indexes are the same build. */
  archives: z.array(z.strictObject({ index: line(512), sha256 })).max(64),
  tools: z.array(z.strictObject({ name: line(64), version: line(128) })).max(32),
});

export type ImageManifest = z.infer<typeof manifest>;
export type ImagePart = z.infer<typeof part>;
export type VerityParameters = z.infer<typeof verity>;

/** A fault of a manifest's own, in words. */
export interface ManifestFault {
  readonly fault: string;
}

/** The text that is signed: one spelling, so that two builds have one digest. */
export function formatManifest(image: ImageManifest): string {
  return `${JSON.stringify(image, null, 2)}\n`;
}

/** Reads a manifest whose signature was good. What it says must fit together: size, blocks, format and parts. */
export function parseManifest(text: string): ImageManifest | ManifestFault {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fault: "it is no JSON" };
  }
  const parsed = manifest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { fault: `at ${issue?.path.join(".") || "its beginning"}: ${issue?.message ?? "unknown"}` };
  }
  const fault = faultOf(parsed.data);
  return fault === null ? parsed.data : { fault };
}

function faultOf(image: ImageManifest): string | null {
  const names = image.parts.map(({ name }) => name);
  if (new Set(names).size !== names.length) return "a part is named twice";
  const roots = names.filter((name) => name.startsWith("root.") && name !== "root.verity");
  if (roots.length !== 1 || roots[0] !== `root.${image.root}`) return `its root is not root.${image.root} alone`;
  const size = (name: PartName): number | undefined => image.parts.find((each) => each.name === name)?.size;
  if (size(`root.${image.root}`) !== image.verity.dataBlocks * BLOCK_BYTES)
    return "its root has another number of blocks than its hash tree";
  if (size("root.verity") !== verityBytes(image.verity.dataBlocks)) return "its hash tree has another size";
  const boot = (["vmlinuz", "initrd.img", "cmdline"] as const).filter((name) => names.includes(name));
  if (boot.length !== 0 && boot.length !== 3) return "of kernel, initrd and command line some are missing";
  return null;
}

const DIGESTS_PER_BLOCK = BLOCK_BYTES / 32;

/**
 * The blocks of each level of a hash tree, the leaves first; the last has one block, whose digest is the root hash
 * (Documentation/admin-guide/device-mapper/verity.rst, "Hash Tree").
 */
export function verityLevels(dataBlocks: number): readonly number[] {
  const levels: number[] = [];
  // One data block alone has no level: its own digest is the root hash.
  for (let blocks = dataBlocks; blocks > 1; ) {
    blocks = Math.ceil(blocks / DIGESTS_PER_BLOCK);
    levels.push(blocks);
  }
  return levels;
}

/** Bytes of a hash tree's file: the superblock's block, then the levels. */
export function verityBytes(dataBlocks: number): number {
  return (1 + verityLevels(dataBlocks).reduce((sum, blocks) => sum + blocks, 0)) * BLOCK_BYTES;
}
