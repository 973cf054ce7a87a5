import { lstat, opendir } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";

/** Files looked at side by side: a share answers slowly, and the runtime has four threads for it. */
const LOOKED_AT_ONCE = 32;

/**
 * The "names" listing: one line of JSON for each file and folder, `{"name","size","mtime","dir"}`, sizes in bytes, times
 * in milliseconds since 1970, by name in code-unit order. Links and devices are left out, for they cannot be fetched.
 * Throws `upstream.over-cap` and the errors of the file system.
 */
export async function listFolder(folder: string, mostBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const names: string[] = [];
  for await (const entry of await opendir(folder)) {
    signal.throwIfAborted();
    if (names.length >= LIMITS.feedNames) throw new Failure("upstream.over-cap", `over ${LIMITS.feedNames} names`);
    if (entry.isFile() || entry.isDirectory()) names.push(entry.name);
  }
  names.sort();
  const lines: Buffer[] = [];
  let bytes = 0;
  for (let at = 0; at < names.length; at += LOOKED_AT_ONCE) {
    signal.throwIfAborted();
    const some = names.slice(at, at + LOOKED_AT_ONCE);
    for (const line of await Promise.all(some.map((name) => lineOf(folder, name)))) {
      bytes += line.length;
      if (bytes > mostBytes) throw new Failure("upstream.over-cap", `a listing over ${mostBytes} bytes`);
      lines.push(line);
    }
  }
  return Buffer.concat(lines);
}

async function lineOf(folder: string, name: string): Promise<Buffer> {
  const found = await lstat(path.join(folder, name)).catch((cause: NodeJS.ErrnoException) => {
    // Removed since its name was read: it is not there.
    if (cause.code === "ENOENT") return null;
    throw cause;
  });
  if (found === null || !(found.isFile() || found.isDirectory())) return Buffer.alloc(0);
  const dir = found.isDirectory();
  const line = { name, size: dir ? 0 : found.size, mtime: Math.floor(found.mtimeMs), dir };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}
