import { readFileSync } from "node:fs";

/** Whether the kernel says of a process that it can gain no privilege and is under a filter (proc(5)). */
export function isFiltered(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return /^NoNewPrivs:\t1$/m.test(status) && /^Seccomp:\t2$/m.test(status);
  } catch {
    // It has ended meanwhile, or there is no such place: nothing is known to confine it.
    return false;
  }
}
