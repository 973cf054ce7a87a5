import { lstat, readdir, realpath } from "node:fs/promises";
import path from "node:path";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { quoteOutside } from "../../core/kernel/errors.ts";
import { collisionKey, pathFault } from "../../core/kernel/safe-path.ts";
import { formatSize } from "../../core/kernel/size.ts";
import { UsageError } from "../report.ts";
import { isWorkingName } from "./tree.ts";

/** One file of the folder that is published. */
export interface FolderFile {
  /** Below the folder, with `/`: a safe path. */
  readonly path: string;
  /** Where it is, absolute. */
  readonly file: string;
  /** Bytes, when it was looked at. */
  readonly size: number;
  readonly executable: boolean;
}

/** How much one release may be. */
export interface FolderCaps {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Every file below the folder, by path in code-unit order. Throws `UsageError` on what cannot be published as it is: an
 * empty folder, a link or device, a name that some system could not take, two names that some would take for one.
 */
export async function folderFiles(folder: string, caps: FolderCaps): Promise<readonly FolderFile[]> {
  const found: FolderFile[] = [];
  const keys = new Map<string, string>();
  let bytes = 0;
  const walk = async (below: string): Promise<void> => {
    for (const name of (await readdir(path.join(folder, ...below.split("/")))).toSorted()) {
      const at = below === "" ? name : `${below}/${name}`;
      const entry = await lstat(path.join(folder, ...at.split("/")));
      refuseName(at, keys);
      if (entry.isDirectory()) {
        await walk(at);
        continue;
      }
      if (!entry.isFile())
        throw new UsageError(`${quoteOutside(at)} is neither a file nor a folder: links and devices are not published`);
      bytes += entry.size;
      const executable = (entry.mode & 0o100) !== 0;
      found.push({ path: at, file: path.join(folder, ...at.split("/")), size: entry.size, executable });
      if (found.length > caps.files) throw new UsageError(`the folder holds more than ${caps.files} files`);
      if (bytes > caps.bytes) throw new UsageError(`the folder holds more than ${formatSize(caps.bytes)}`);
    }
  };
  await onDisk("reading the folder", () => walk(""));
  if (found.length === 0) throw new UsageError("the folder holds no file: there is nothing to publish");
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function refuseName(at: string, keys: Map<string, string>): void {
  const fault = pathFault(at);
  if (fault !== null) throw new UsageError(`${quoteOutside(at)} cannot be published under this name (${fault})`);
  if (isWorkingName(path.posix.basename(at).toLowerCase()))
    throw new UsageError(`${quoteOutside(at)} is a name that publishing itself works with`);
  const key = collisionKey(at);
  const other = keys.get(key);
  if (other !== undefined)
    throw new UsageError(`${quoteOutside(other)} and ${quoteOutside(at)} would be one file on some systems`);
  keys.set(key, at);
}

/** The folder as it really is. Throws `UsageError` when there is none. */
export async function realFolder(folder: string): Promise<string> {
  try {
    const real = await realpath(folder);
    if ((await lstat(real)).isDirectory()) return real;
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === null) throw cause;
    throw new UsageError(`the folder ${quoteOutside(folder, 300)} cannot be read (${code})`);
  }
  throw new UsageError(`${quoteOutside(folder, 300)} is no folder`);
}

/** Where a tree is, or will be: the part of its path that is there is resolved. */
export async function realPlace(place: string): Promise<string> {
  const rest: string[] = [];
  for (let at = place; ; at = path.dirname(at)) {
    try {
      return path.join(await realpath(at), ...rest);
    } catch (cause) {
      if (errnoOf(cause) !== "ENOENT" || path.dirname(at) === at) throw new UsageError(`${place} cannot be a tree`);
      rest.unshift(path.basename(at));
    }
  }
}
