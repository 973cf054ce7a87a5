import { constants, existsSync } from "node:fs";
import { mkdtemp, open, readdir, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { onDisk } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";

/** A folder of this user's, in one that may be somebody else's. */
export interface HeldFolder {
  /** Leads to it, whatever stands under its name by now. */
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/**
 * Makes a folder that nobody else may enter, and holds it open. What is in it is named by way of the open folder, not by its path: the owner of the
 * folder around it, a keeper that was taken over, could put another or a link in its place, and have root write there. Throws `store.io`.
 */
export async function makeHeldFolder(prefix: string): Promise<HeldFolder> {
  return await onDisk("making a folder beside the ledger", async () => {
    const place = await mkdtemp(prefix);
    const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const { uid, mode } = await handle.stat();
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) {
      await handle.close();
      throw new Failure("store.io", "the folder that was made beside the ledger is another by now");
    }
    const byHandle = `/proc/self/fd/${handle.fd}`;
    // Elsewhere than on Linux all of it has one user.
    const held = existsSync(byHandle) ? byHandle : place;
    const remove = async (): Promise<void> => {
      try {
        for (const name of await readdir(held)) await rm(path.join(held, name), { recursive: true, force: true });
      } finally {
        await handle.close();
      }
      // Of whatever stands there by now no more than an empty folder goes.
      await rmdir(place).catch(() => {});
    };
    return { path: held, remove };
  });
}

/** Does something as a folder's owner, where that is another user than root, who we are. Throws `store.io`. */
export async function asOwnerOf<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const { geteuid, getegid, seteuid, setegid } = process;
  if (geteuid?.() !== 0 || getegid === undefined || seteuid === undefined || setegid === undefined) return await work();
  const { uid, gid } = await onDisk("looking at the data folder", () => stat(folder));
  const before = getegid();
  if (uid === 0) return await work();
  await onDisk("becoming the owner of the data folder", async () => {
    setegid(gid);
    seteuid(uid);
  });
  try {
    return await work();
  } finally {
    seteuid(0);
    setegid(before);
  }
}
