import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { setFolderMode } from "./durable.ts";

/** Removes a tree, whose folders are read-only for its owner too. Links are removed, not followed. */
export async function removeTree(root: string): Promise<void> {
  const open = async (folder: string): Promise<void> => {
    await setFolderMode(folder, 0o755);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await open(path.join(folder, entry.name));
    }
  };
  try {
    await open(root);
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw cause;
  }
  await rm(root, { recursive: true, force: true });
}
