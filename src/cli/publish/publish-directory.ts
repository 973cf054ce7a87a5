import { type MinisignKeyFile, minisignSignerOf } from "../../formats/signatures/key-file.ts";
import { changesNothing, planDirectory, refuseOwnNames, writeDirectory } from "./directory-release.ts";
import { folderFiles } from "./folder-files.ts";
import type { Published, PublishInput } from "./published.ts";
import { openTree, treeAt } from "./tree.ts";

export interface DirectoryWish extends PublishInput {
  readonly key: MinisignKeyFile;
}

/** What a source's default budget takes; more is published in several trees. */
const CAPS = { files: 99_000, bytes: 20e9 } as const;

/** Publishes a folder as it is, under a signed checksum list, or says what would change. */
export async function publishDirectory({
  folder,
  tree: place,
  key,
  now,
  preview,
  progress,
}: DirectoryWish): Promise<Published> {
  const signer = minisignSignerOf(key);
  const files = await folderFiles(folder, CAPS);
  refuseOwnNames(files);
  const compared = (done: number): void => progress("comparing", done, files.length);
  if (preview) {
    const { write, remove, same } = await planDirectory(files, treeAt(place), signer, now, compared);
    return { write: write.map(({ path, size }) => ({ path, size })), remove, same: same.size, sequence: null };
  }
  const tree = await openTree(place);
  try {
    const plan = await planDirectory(files, tree, signer, now, compared);
    const total = plan.write.length;
    const staged = changesNothing(plan)
      ? []
      : await writeDirectory(plan, tree, signer, (done) => progress("copying", done, total));
    return {
      write: staged.map(({ path, size }) => ({ path, size })),
      remove: plan.remove,
      same: plan.same.size,
      sequence: null,
    };
  } finally {
    await tree.close();
  }
}
