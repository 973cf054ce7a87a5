import { constants, existsSync } from "node:fs";
import { lstat, open, readdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { errnoOf } from "../core/kernel/disk.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import { onDisk } from "./durable.ts";

/** What a back-up or a restore makes in the data folder while it works: the ledger, in clear. Who makes it stands in the name. */
const COPY = /^(?:backup|restore)-(?:(\d{1,9})-)?[\w-]+(?:\.sqlite)?$/;
/** No back-up takes so long, whatever number its process has meanwhile passed on. */
const LONGEST: Duration = 86_400_000;
/** A single file lies for the moment between the daemon's answer and its asker's renaming. */
const LONGEST_FILE: Duration = 600_000;

/**
 * Removes copies of the ledger that nobody will take any more, because the process that made them was killed. Resolves to their names.
 * Throws `store.io`.
 */
export async function sweepCopies(
  data: string,
  now: Instant,
  isAlive: (pid: number) => boolean = isRunning,
): Promise<readonly string[]> {
  const swept: string[] = [];
  const names = await onDisk("looking for left copies of the ledger", () =>
    readdir(data).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return [];
      throw cause;
    }),
  );
  for (const name of names.filter((each) => COPY.test(each))) {
    const place = path.join(data, name);
    const about = await lstat(place).catch(() => null);
    // Another user's is theirs to remove: a daemon may not look into root's, and root would be led astray in a daemon's.
    if (about === null || about.uid !== (process.geteuid?.() ?? about.uid)) continue;
    const maker = COPY.exec(name)?.[1];
    const isMade = maker !== undefined && isAlive(Number(maker));
    const age = now - about.mtimeMs;
    if (maker === undefined ? age < LONGEST : isMade && age < (about.isFile() ? LONGEST_FILE : LONGEST)) continue;
    await onDisk("removing a left copy of the ledger", () => removeOurs(place, about.isDirectory()));
    swept.push(name);
  }
  return swept;
}

/** By way of the open folder, where there is one: the owner of the folder around it may put another or a link in its place meanwhile. */
async function removeOurs(place: string, isFolder: boolean): Promise<void> {
  if (!isFolder) return await rm(place, { force: true });
  const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if ((await handle.stat()).uid !== (process.geteuid?.() ?? -1)) return;
    const byHandle = `/proc/self/fd/${handle.fd}`;
    const held = existsSync(byHandle) ? byHandle : place;
    for (const name of await readdir(held)) await rm(path.join(held, name), { recursive: true, force: true });
  } finally {
    await handle.close();
  }
  await rmdir(place);
}

/** Whether a process of this number runs here, whoever's it is. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
