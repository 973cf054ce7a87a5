import { readFileSync } from "node:fs";

/** What the kernel says of a process (proc(5), `/proc/<pid>/status`); empty: it has ended, or there is no such place. */
export function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

/** Whether a process can gain no privilege and is under a filter, by its status. */
export function isFiltered(status: string): boolean {
  return /^NoNewPrivs:\t1$/m.test(status) && /^Seccomp:\t2$/m.test(status);
}

/** Whether none of a process's users is this one, by its status. */
export function isOthers(status: string, user: number): boolean {
  const [, ...users] = /^Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/m.exec(status) ?? [];
  return users.length === 4 && !users.map(Number).includes(user);
}
