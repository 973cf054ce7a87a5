import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { Failure } from "../../core/kernel/errors.ts";

const LOCK = ".ringfort-publish.lock";

/**
 * One publisher a tree: two would sign two indexes over one set of files. The lock of a process that is gone is taken
 * over. Throws `store.busy`.
 */
export async function takeTreeLock(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, LOCK);
  return await onDisk("locking the tree", async () => {
    for (let tries = 0; tries < 4; tries += 1) {
      try {
        await writeFile(file, `${process.pid}\n`, { flag: "wx", mode: 0o644 });
        return async () => await rm(file, { force: true });
      } catch (cause) {
        if (errnoOf(cause) !== "EEXIST") throw cause;
      }
      const holder = await readFile(file, "utf8").catch(() => "");
      if (lives(Number(holder.trim()))) break;
      await moveAway(file, holder);
    }
    throw new Failure("store.busy", `another publisher writes this tree; if none does, remove ${LOCK} in it`, {
      retry: "later",
    });
  });
}

/** Between our look and our move another one may have taken the lock: what was moved is looked at again. */
async function moveAway(file: string, dead: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, "utf8")) !== dead) await link(aside, file);
  } catch (cause) {
    if (!["ENOENT", "EEXIST"].includes(errnoOf(cause) ?? "")) throw cause;
  } finally {
    await rm(aside, { force: true });
  }
}

function lives(pid: number): boolean {
  // A lock without a number is one that is just being written.
  if (!Number.isSafeInteger(pid) || pid < 1) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return errnoOf(cause) !== "ESRCH";
  }
}
