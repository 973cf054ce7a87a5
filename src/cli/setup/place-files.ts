import { link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { syncFolder } from "../sync-folder.ts";

/** A file to be written, whole or not at all. */
export interface WantedFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  /** Where the one that stands there is kept, under another name; `null`: nowhere, for it can be made again. */
  readonly keepAs: string | null;
}

export type FileState = "new" | "changed" | "same";

/** What a file would become; reads, and writes nothing. */
export async function stateOf({ path: file, text }: WantedFile): Promise<FileState> {
  const there = await textThere(file);
  if (there === null) return "new";
  return there === text ? "same" : "changed";
}

/** The text of a file, or `null` where there is none. Throws `store.io`. */
export async function textThere(file: string): Promise<string | null> {
  return await onDisk(`reading ${file}`, () =>
    readFile(file, "utf8").catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return null;
      throw cause;
    }),
  );
}

/**
 * Writes files in this order. Every one is on the disk beside its place before the first is renamed; when one cannot be, nothing
 * has changed, and when a renaming fails, those before it are put back. Throws `store.io` and `store.full`.
 */
export async function placeFiles(files: readonly WantedFile[]): Promise<void> {
  const swapped: WantedFile[] = [];
  try {
    for (const file of files) await onDisk(`writing ${file.path}`, () => stage(file));
    for (const file of files) {
      await onDisk(`putting ${file.path} into its place`, () => swap(file));
      swapped.push(file);
    }
    for (const folder of new Set(files.map((file) => path.dirname(file.path))))
      await onDisk(`making ${folder} durable`, () => syncFolder(folder));
  } catch (error) {
    for (const file of swapped.toReversed()) await takeBack(file);
    throw error;
  } finally {
    for (const { path: file } of files) for (const end of [NEW, OLD]) await rm(`${file}${end}`, { force: true });
  }
}

const NEW = ".setup-new";
const OLD = ".setup-old";

async function stage({ path: file, text, mode }: WantedFile): Promise<void> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const beside = `${file}${NEW}`;
  // Of a run that was killed.
  await rm(beside, { force: true });
  const handle = await open(beside, "wx", mode);
  try {
    await handle.writeFile(text);
    // The creation's mode is cut by whatever umask this shell has.
    await handle.chmod(mode);
    const [own, around] = [await handle.stat(), await stat(folder)];
    // The daemon reads its configuration as a member of its folder's group.
    if (own.uid === 0 && own.gid !== around.gid) await handle.chown(own.uid, around.gid);
    await handle.sync();
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  } finally {
    await handle.close();
  }
}

async function swap({ path: file, keepAs }: WantedFile): Promise<void> {
  const before = `${file}${OLD}`;
  await rm(before, { force: true });
  await link(file, before).catch((cause: unknown) => {
    if (errnoOf(cause) !== "ENOENT") throw cause;
  });
  if (keepAs !== null) await link(file, keepAs);
  await rename(`${file}${NEW}`, file);
}

async function takeBack({ path: file, keepAs }: WantedFile): Promise<void> {
  await rename(`${file}${OLD}`, file).catch(async (cause: unknown) => {
    if (errnoOf(cause) !== "ENOENT") throw cause;
    await rm(file, { force: true });
  });
  if (keepAs !== null) await rm(keepAs, { force: true });
}
