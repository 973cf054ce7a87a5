import { Failure } from "../../core/kernel/errors.ts";

/** The `errno` name of what a file system call threw, or `null` when it threw anything else. */
export function errnoOf(cause: unknown): string | null {
  const code = cause instanceof Error && "syscall" in cause && "code" in cause ? cause.code : null;
  return typeof code === "string" ? code : null;
}

/** Runs a step on the disk; what the file system throws comes out as `Failure` `store.full` or `store.io`. */
export async function onDisk<T>(doing: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === null) throw cause;
    const full = code === "ENOSPC" || code === "EDQUOT";
    throw new Failure(full ? "store.full" : "store.io", `${doing}: ${code}`, {
      cause,
      retry: full ? "later" : "never",
    });
  }
}
