import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";

/**
 * Takes the lock of the agent's folder, which is made: two runs at once would swap under each other. The file appears whole, by a link, so that a
 * holder can always be read from it. The lock of a process that has died is moved away, and the mover looks again at
 * what it moved: between its look and its move another run may have taken the lock. Throws `store.busy`.
 */
export async function takeLock(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, "agent.lock");
  const own = `${process.pid} ${(await startOf(process.pid)) ?? "?"}\n`;
  const beside = `${file}.${process.pid}`;
  return await onDisk("taking the lock", async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(beside, own, { mode: 0o600 });
    try {
      for (let tries = 0; tries < 8; tries += 1) {
        if (await linked(beside, file)) {
          await sweep(folder);
          return () => release(file, own);
        }
        const holder = await textOf(file);
        if (holder === null) continue;
        if (await lives(holder)) break;
        await moveAway(file, `${beside}.stale`, holder);
      }
    } finally {
      await rm(beside, { force: true });
    }
    throw new Failure("store.busy", "another run of the agent is under way", { retry: "later" });
  });
}

/** What runs that were killed while they took the lock have left. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^agent\.lock\.(\d{1,10})(?:\.stale)?$/.exec(name)?.[1];
    if (pid !== undefined && !(await lives(`${pid} ?\n`))) await rm(path.join(folder, name), { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw cause;
  }
}

async function moveAway(file: string, aside: string, dead: string): Promise<void> {
  try {
    await rename(file, aside);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return;
    throw cause;
  }
  if ((await textOf(aside)) !== dead) await linked(aside, file);
  await rm(aside, { force: true });
}

async function release(file: string, own: string): Promise<void> {
  if ((await textOf(file)) === own) await rm(file, { force: true });
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
}

/** Whether the process that wrote this still runs: its number alone may be another's by now. */
async function lives(holder: string): Promise<boolean> {
  const [, pid, start] = /^(\d{1,10}) (\S{1,32})\n$/.exec(holder) ?? [];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (cause) {
    if (errnoOf(cause) === "ESRCH") return false;
  }
  const now = await startOf(Number(pid));
  return now === null || start === "?" || now === start;
}

/** When the kernel started a process, in its own ticks (proc(5), field 22 of stat); `null` where there is no /proc. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
