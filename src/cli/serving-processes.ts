import { readdirSync, readFileSync } from "node:fs";

/**
 * The processes that serve from a data folder, as the system knows them (Linux): by the entry they run and the views they
 * may read, never by a number that somebody wrote down, which may be another process by now.
 */
export function servingProcesses(views: string): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name) && servesFrom(name, views)).map(Number);
}

function servesFrom(pid: string, views: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return (
      words.some((word) => /(?:^|\/)serve-worker\.[jt]s$/.test(word)) && words.includes(`--allow-fs-read=${views}`)
    );
  } catch {
    // It ended meanwhile, or is somebody else's.
    return false;
  }
}
