import { onDisk } from "../../core/kernel/disk.ts";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { collisionKey } from "../../core/kernel/safe-path.ts";
import type { MinisignSigner } from "../../formats/signatures/write-minisign.ts";
import { fileDigest } from "../file-digest.ts";
import { UsageError } from "../report.ts";
import type { FolderFile } from "./folder-files.ts";
import { heldList, LIST, LIST_SIGNATURE, laterThan, signedList } from "./signed-list.ts";
import type { Staged, Tree, WritableTree } from "./tree.ts";

/** What a release changes in its tree. */
export interface DirectoryPlan {
  /** New and changed files. */
  readonly write: readonly FolderFile[];
  /** Path → SHA-256 of what stays as it is. */
  readonly same: ReadonlyMap<string, string>;
  /** Listed before, and gone from the folder. */
  readonly remove: readonly string[];
  readonly signedAt: Instant;
}

/** Throws `UsageError` when the folder has files under the names of the tree's own list. */
export function refuseOwnNames(files: readonly FolderFile[]): void {
  const names = new Set([LIST, LIST_SIGNATURE].map(collisionKey));
  const own = files.find(({ path }) => names.has(collisionKey(path)));
  if (own !== undefined) throw new UsageError(`${quoteOutside(own.path)} is the name of the tree's own list`);
}

/** Compares the folder with what the tree's signed list says. A file that stays must still be there in its size. */
export async function planDirectory(
  files: readonly FolderFile[],
  tree: Tree,
  signer: MinisignSigner,
  now: Instant,
  progress: (done: number) => void,
): Promise<DirectoryPlan> {
  const held = await heldList(tree, signer, now);
  const write: FolderFile[] = [];
  const same = new Map<string, string>();
  for (const [at, file] of files.entries()) {
    progress(at);
    const before = held.digests.get(file.path);
    const stays = before !== undefined && (await tree.sizeOf(file.path)) === file.size;
    if (stays && (await onDisk(`reading ${file.path}`, () => fileDigest(file.file, "refuse"))).sha256 === before)
      same.set(file.path, before);
    else write.push(file);
  }
  const present = new Set(files.map(({ path }) => path));
  const remove = [...held.digests.keys()].filter((path) => !present.has(path));
  return { write, same, remove, signedAt: laterThan(held.signedAt, now) };
}

export function changesNothing({ write, remove }: DirectoryPlan): boolean {
  return write.length === 0 && remove.length === 0;
}

/**
 * Carries the plan out: the files, then the list's signature, then the list, then away with what it no longer names. In a
 * folder that has no versions a reader may meet a new file under the old list; it then sees a digest that differs, takes
 * nothing, and comes again.
 */
export async function writeDirectory(
  plan: DirectoryPlan,
  tree: WritableTree,
  signer: MinisignSigner,
  progress: (done: number) => void,
): Promise<readonly Staged[]> {
  const staged: Staged[] = [];
  for (const [at, { path, file }] of plan.write.entries()) {
    progress(at);
    staged.push(await tree.stage(path, file));
  }
  const digests = new Map([...plan.same, ...staged.map(({ path, sha256 }) => [path, sha256] as const)]);
  const { list, signature } = signedList(digests, signer, plan.signedAt);
  const index = [await tree.stage(LIST_SIGNATURE, signature), await tree.stage(LIST, list)];
  await tree.place([staged, index]);
  await tree.remove(plan.remove);
  return [...staged, ...index];
}
