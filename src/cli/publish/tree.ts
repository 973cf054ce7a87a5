import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { type Instant, SECOND } from "../../core/kernel/instant.ts";
import { UsageError } from "../report.ts";
import { syncFolder } from "../sync-folder.ts";
import { takeTreeLock } from "./tree-lock.ts";

/** A file that is ready beside its place: on the disk, whole, and not yet seen by a reader. */
export interface Staged {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal, of the bytes that were written. */
  readonly sha256: string;
}

/** A folder that is published from: an upstream on disk, which a source with a `file:` address reads. */
export interface Tree {
  /** Absolute. */
  readonly folder: string;
  /** A file's bytes, `null` where there is none. Throws `store.io` when it is longer than `most`. */
  read(file: string, most: number): Promise<Uint8Array | null>;
  sizeOf(file: string): Promise<number | null>;
  /** The names in the top folder, with the times they were last written; milliseconds since 1970. */
  names(): Promise<readonly { readonly name: string; readonly writtenAt: number }[]>;
}

/** A tree that this process alone may write. */
export interface WritableTree extends Tree {
  /** Writes a file beside its place, durably. `content` is bytes, or the path of a file to copy. */
  stage(file: string, content: Uint8Array | string): Promise<Staged>;
  /**
   * Moves files into their places, group by group: the names of one group are on the disk before the first of the next
   * is moved. A reader that sees an index thus finds what it names.
   */
  place(groups: readonly (readonly Staged[])[]): Promise<void>;
  remove(files: readonly string[]): Promise<void>;
  /** Files that nothing names from now on; their time says since when. */
  letGo(files: readonly string[], now: Instant): Promise<void>;
  /** Forgets what was staged and not placed, and lets others write. */
  close(): Promise<void>;
}

const BESIDE = ".ringfort-new";

/** Whether a name is one of those that a publisher works with, and that nothing may be published under. */
export function isWorkingName(name: string): boolean {
  return name.endsWith(BESIDE) || name.startsWith(".ringfort-");
}

/** A tree to look at; one that is not there is empty. */
export function treeAt(folder: string): Tree {
  const at = (file: string): string => path.join(folder, ...file.split("/"));
  return {
    folder,
    read: (file, most) => onDisk(`reading ${file} of the tree`, () => readWhole(at(file), most)),
    sizeOf: (file) => onDisk(`looking at ${file} of the tree`, () => sizeOf(at(file))),
    names: () => onDisk("listing the tree", () => namesIn(folder)),
  };
}

/** Opens a tree for one publisher, made where it is not there. Throws `store.busy` while another one writes. */
export async function openTree(folder: string): Promise<WritableTree> {
  await onDisk("making the tree", () => mkdir(folder, { recursive: true }));
  const release = await takeTreeLock(folder);
  await onDisk("sweeping the tree", () => sweep(folder));
  const staged = new Set<string>();
  const at = (file: string): string => path.join(folder, ...file.split("/"));
  return {
    ...treeAt(folder),
    stage: (file, content) =>
      onDisk(`writing ${file}`, async () => {
        await mkdir(path.dirname(at(file)), { recursive: true });
        staged.add(file);
        return { path: file, ...(await writeBeside(`${at(file)}${BESIDE}`, content)) };
      }),
    place: (groups) =>
      onDisk("moving files into their places", async () => {
        for (const group of groups) {
          for (const { path: file } of group) {
            await rename(`${at(file)}${BESIDE}`, at(file));
            staged.delete(file);
          }
          const folders = new Set(group.flatMap(({ path: file }) => foldersOf(folder, at(file))));
          for (const each of folders) await syncFolder(each);
        }
      }),
    remove: (files) =>
      onDisk("removing files that nothing names", async () => {
        for (const file of files) await rm(at(file), { force: true });
      }),
    letGo: (files, now) =>
      onDisk("letting files go", async () => {
        for (const file of files) await utimes(at(file), now / SECOND, now / SECOND);
      }),
    close: async () => {
      for (const file of staged) await rm(`${at(file)}${BESIDE}`, { force: true }).catch(() => {});
      await release();
    },
  };
}

/** What a publisher that was stopped has left beside the places. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true }))
    if (name.endsWith(BESIDE)) await rm(path.join(folder, name), { force: true });
}

/** `tree` and `folder` as they really are; one must not lie in the other, or what is published would publish itself. */
export function refuseNested(tree: string, folder: string): void {
  for (const [inner, outer] of [
    [tree, folder],
    [folder, tree],
  ] as const) {
    const way = path.relative(outer, inner);
    if (way === "" || (way !== ".." && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way)))
      throw new UsageError("the folder and the tree must lie apart: neither may be in the other");
  }
}

async function readWhole(file: string, most: number): Promise<Uint8Array | null> {
  const handle = await openIfThere(file);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    if (size > most) throw new Failure("store.io", `${path.basename(file)} has ${size} bytes, and may have ${most}`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return null;
    throw cause;
  }
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : null;
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return null;
    throw cause;
  }
}

async function namesIn(folder: string): Promise<readonly { readonly name: string; readonly writtenAt: number }[]> {
  try {
    const names: { readonly name: string; readonly writtenAt: number }[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith(BESIDE)) continue;
      names.push({ name: entry.name, writtenAt: (await stat(path.join(folder, entry.name))).mtimeMs });
    }
    return names.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  }
}

const PIECE_BYTES = 1024 * 1024;

/** Hashes what it writes: a file that changes while it is copied is listed as it was copied. */
async function writeBeside(file: string, content: Uint8Array | string): Promise<{ size: number; sha256: string }> {
  // Removed and made anew, never opened: what lies there under our name could be a link that leads elsewhere.
  await rm(file, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(file, flags, 0o644);
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const piece of piecesOf(content)) {
      hash.update(piece);
      await handle.writeFile(piece);
      size += piece.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { size, sha256: hash.digest("hex") };
}

async function* piecesOf(content: Uint8Array | string): AsyncIterable<Uint8Array> {
  if (typeof content !== "string") return yield content;
  const handle = await open(content, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The folder of a file and those above it, down from the tree's own. */
function foldersOf(tree: string, file: string): readonly string[] {
  const folders: string[] = [];
  for (let at = path.dirname(file); at.length >= tree.length; at = path.dirname(at)) folders.push(at);
  return folders;
}
