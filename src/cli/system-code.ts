/** The operating system's name of an error (`ENOENT`), or the error in words where it has none. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : String(cause);
}
