import { readFile } from "node:fs/promises";
import { onDisk } from "../../core/kernel/disk.ts";
import { quoteOutside } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { FLAG_NAME, type Identity, indexName } from "../../formats/liveupdate/names.ts";
import { cmsSignerOf, trustInKey, type X509KeyFile } from "../../formats/signatures/key-file.ts";
import { UsageError } from "../report.ts";
import { type FolderFile, folderFiles } from "./folder-files.ts";
import { makeRelease, type NamedBytes, type Release, type ReleaseInput, sameFiles } from "./liveupdate-release.ts";
import { filesBefore, forgottenPackages, heldPackages, heldProduct, MOST_PACKAGE_BYTES } from "./liveupdate-tree.ts";
import type { Published, PublishInput } from "./published.ts";
import { nextSequence } from "./release-names.ts";
import { laterThan } from "./signed-list.ts";
import { openTree, type Tree, treeAt, type WritableTree } from "./tree.ts";

export interface LiveupdateWish extends PublishInput {
  readonly key: X509KeyFile;
  readonly identity: Identity;
  /** `null`: the next one by the date. */
  readonly sequence: number | null;
  readonly keep: number;
  readonly deltas: boolean;
  readonly legal: string;
}

/** Files in one package: an archive of ours holds 65,534 members, the guard and its signature among them. */
const MOST_FILES = 60_000;

/** Publishes a folder as the next release of a product, or says what it would be. */
export async function publishLiveupdate(wish: LiveupdateWish): Promise<Published> {
  refuseIdentity(wish.identity);
  const found = await folderFiles(wish.folder, { files: MOST_FILES, bytes: MOST_PACKAGE_BYTES });
  refuseNames(found);
  if (wish.preview) return (await prepared(wish, found, treeAt(wish.tree))).published;
  const tree = await openTree(wish.tree);
  try {
    const { release, letGo, published } = await prepared(wish, found, tree);
    if (release !== null) await written(release, letGo, wish, tree);
    return published;
  } finally {
    await tree.close();
  }
}

interface Prepared {
  /** `null` when the folder is what the newest release holds. */
  readonly release: Release | null;
  /** Packages that the index before names and the new one does not. */
  readonly letGo: readonly string[];
  readonly published: Published;
}

async function prepared(wish: LiveupdateWish, found: readonly FolderFile[], tree: Tree): Promise<Prepared> {
  const { identity, key, now } = wish;
  const product = await heldProduct(tree, identity, trustInKey(key), now);
  const held = await heldPackages(tree, product?.packages ?? []);
  const before = await filesBefore(held);
  wish.progress("reading the folder", 0, found.length);
  const files = await contents(found);
  if (sameFiles(files, before))
    return { release: null, letGo: [], published: { write: [], remove: [], same: files.length, sequence: null } };
  const sequence = wish.sequence ?? nextSequence(now, product?.highest ?? null);
  if (product !== null && sequence <= product.highest)
    throw new UsageError(`--sequence ${sequence} is not above ${product.highest}, which the tree holds`);
  const { signer, embed } = cmsSignerOf(key);
  wish.progress("packing and signing", found.length, found.length);
  const { keep, deltas, legal } = wish;
  const at = laterThan(product?.guardedAt ?? 0, now);
  const input: ReleaseInput = { identity, sequence, at, files, held, before, keep, deltas, legal, signer, embed };
  const release = makeRelease(input);
  for (const { name } of release.packages)
    if ((await tree.sizeOf(name)) !== null)
      throw new UsageError(`${quoteOutside(name)} is in the tree already: publish again in a second`);
  const listed = new Set(release.listed.map(({ file }) => file));
  return {
    release,
    letGo: (product?.packages ?? []).map(({ file }) => file).filter((file) => !listed.has(file)),
    published: {
      write: [...release.packages, release.index].map(({ name, bytes }) => ({ path: name, size: bytes.length })),
      remove: (await forgottenPackages(tree, trustInKey(key), now)).filter((file) => !listed.has(file)),
      same: release.listed.length - release.packages.length,
      sequence,
    },
  };
}

/** Packages, then the index by a rename, then the flag; away with old packages long after their index has gone. */
async function written(
  { packages, index, flag }: Release,
  letGo: readonly string[],
  { key, now, progress }: LiveupdateWish,
  tree: WritableTree,
): Promise<void> {
  const staged = [];
  for (const [at, { name, bytes }] of packages.entries()) {
    progress(name, at, packages.length);
    staged.push(await tree.stage(name, bytes));
  }
  const last = [await tree.stage(index.name, index.bytes)];
  const flagged = (await tree.sizeOf(FLAG_NAME)) === null ? [await tree.stage(flag.name, flag.bytes)] : [];
  await tree.place([staged, last, flagged]);
  const old = await forgottenPackages(tree, trustInKey(key), now);
  await tree.letGo(letGo, now);
  const fresh = new Set(letGo);
  await tree.remove(old.filter((name) => !fresh.has(name)));
}

async function contents(found: readonly FolderFile[]): Promise<readonly NamedBytes[]> {
  const files: NamedBytes[] = [];
  let bytes = 0;
  for (const { path, file, executable } of found) {
    const content = await onDisk(`reading ${path}`, () => readFile(file));
    bytes += content.length;
    if (bytes > MOST_PACKAGE_BYTES) throw new UsageError("the folder grew past the limit while it was read");
    files.push({ name: path, bytes: content, executable });
  }
  return files;
}

/** A guard is a text of sections: what stands in a section's name must not end it, and its encoding is ASCII. */
function refuseNames(found: readonly FolderFile[]): void {
  for (const { path } of found) {
    if (!/^[\x20-\x5a\x5c\x5e-\x7e]+$/.test(path))
      throw new UsageError(`${quoteOutside(path)} cannot stand in a guard: only ASCII without [ and ]`);
    if (/^v\.(?:grd|sig)$/i.test(path)) throw new UsageError(`${quoteOutside(path)} is the guard's own name`);
  }
}

function refuseIdentity(identity: Identity): void {
  for (const [name, text, most] of [
    ["--product", identity.product, 128],
    ["--version", identity.version, 64],
    ["--language", identity.language, 64],
  ] as const) {
    if (text === "" || text.length > most || text !== text.trim() || /\p{C}/u.test(text) || !text.isWellFormed())
      throw new UsageError(`${name} is 1 to ${most} characters on one line, without blanks at its ends`);
  }
  if (indexName(identity).length > LIMITS.pathSegment)
    throw new UsageError("product, version and language together are too long for the name of an index");
}

/** Reads a sequence as it is written on a command line. */
export function sequenceOf(flag: string, text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new UsageError(`${flag} is a number of at most 15 digits, not "${quoteOutside(text)}"`);
  return Number(text);
}
