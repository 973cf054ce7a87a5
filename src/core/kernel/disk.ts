import { Failure } from "./errors.ts";

const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/** The `errno` name of what a file system call threw ("ENOENT"), or `null` when it threw anything else. */
export function errnoOf(cause: unknown): string | null {
  const code = cause instanceof Error && "syscall" in cause && "code" in cause ? cause.code : null;
  return typeof code === "string" ? code : null;
}

/**
 * The failure behind an exception of a file system call: `store.full` (later) or `store.io`, later where `passing` holds
 * its name. Anything that no file system said is a bug and thrown again. `doing` names the step, never a path.
 */
export function diskFailure(cause: unknown, doing: string, passing: ReadonlySet<string> = new Set()): Failure {
  const code = errnoOf(cause);
  if (code === null) throw cause;
  if (FULL.has(code)) return new Failure("store.full", `${doing}: ${code}`, { cause, retry: "later" });
  return new Failure("store.io", `${doing}: ${code}`, { cause, retry: passing.has(code) ? "later" : "never" });
}

/** Runs a step on the disk; what the file system throws comes out as `Failure` `store.full` or `store.io`. */
export async function onDisk<T>(doing: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw diskFailure(cause, doing);
  }
}
