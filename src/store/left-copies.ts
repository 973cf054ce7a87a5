import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
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
    const about = await stat(place).catch(() => null);
    if (about === null) continue;
    const maker = COPY.exec(name)?.[1];
    const isMade = maker !== undefined && isAlive(Number(maker));
    const age = now - about.mtimeMs;
    if (maker === undefined ? age < LONGEST : isMade && age < (about.isFile() ? LONGEST_FILE : LONGEST)) continue;
    await onDisk("removing a left copy of the ledger", () => rm(place, { recursive: true, force: true }));
    swept.push(name);
  }
  return swept;
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
