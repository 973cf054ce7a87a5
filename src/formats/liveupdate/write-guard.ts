import { createHash } from "node:crypto";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { formatInstant, type Instant, SECOND } from "../../core/kernel/instant.ts";
import { collisionKey, pathFault } from "../../core/kernel/safe-path.ts";

export interface GuardOptions {
  /** One line that stands in the guard's header. */
  readonly legal: string;
  /** Written in whole seconds. */
  readonly lastModified: Instant;
  readonly lineEnd?: "\n" | "\r\n";
  /** Both where left out: old clients know SHA-1 alone, and nobody should rely on it. */
  readonly digests?: readonly ("sha1" | "sha256")[];
}

/**
 * The text of a guard (`.grd`) over these files, in their order. Throws `config.invalid` where a name or the legal line
 * could not be read back as it went in: what a guard says twice, its readers understand differently.
 */
export function writeGuard(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  { legal, lastModified, lineEnd = "\n", digests = ["sha1", "sha256"] }: GuardOptions,
): Uint8Array {
  const seconds = Math.floor(lastModified / SECOND);
  const seen = new Set<string>();
  const lines = [
    "[GuardHeader]",
    `Legal=${oneLine(legal)}`,
    `LastModifiedUtcSeconds=${seconds}`,
    `LastModifiedGmtFormated=${dateLine(seconds * SECOND)}`,
  ];
  for (const { name, bytes } of files) {
    const key = collisionKey(name);
    if (pathFault(name) !== null || !/^[\x20-\x5a\x5c\x5e-\x7e]+$/.test(name) || seen.has(key))
      throw new Failure("config.invalid", `the name ${quoteOutside(name)} cannot stand in a guard`);
    seen.add(key);
    lines.push(`[File-${name}]`);
    for (const digest of digests)
      lines.push(`${digest.toUpperCase()}=${createHash(digest).update(bytes).digest("hex")}`);
  }
  return Buffer.from(lines.map((line) => line + lineEnd).join(""), "utf8");
}

/** "20260201 00:00:00" */
function dateLine(instant: Instant): string {
  return formatInstant(instant).replaceAll("-", "").replace("T", " ").replace("Z", "");
}

/** A value of a guard or an index text, which ends where its line does. */
export function oneLine(value: string): string {
  // Blanks at the ends are trimmed by readers of such files: what would not come back is not written.
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(value) || value !== value.trim() || !value.isWellFormed())
    throw new Failure("config.invalid", `${quoteOutside(value)} does not fit on a line`);
  return value;
}
