import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { diskFailure } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";

// The process or the machine is short of something that others give back.
const PASSING: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EBUSY", "EINTR"]);

/**
 * The failure behind an exception of a file system call: `store.full` (later) or `store.io`. Anything that no file
 * system said is a bug and thrown again. `doing` names the step; the path is left out, for it may hold outside names.
 */
export function storeFailure(cause: unknown, doing: string): Failure {
  if (cause instanceof Failure) return cause;
  return diskFailure(cause, doing, PASSING);
}

/** Runs one step on the disk; what the file system throws comes out as `Failure` `store.full` or `store.io`. */
export async function onDisk<T>(doing: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw storeFailure(cause, doing);
  }
}

/** Makes the names in a directory durable: without it a power cut may take back a rename whose file is safe. */
export async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Sets a folder's mode, by a descriptor of it: the keeper's filter lets no mode be set by a path, which could be anybody's. */
export async function setFolderMode(folder: string, mode: number): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}

/** Where the two visible steps of a durable replacement are announced. */
export interface ReplaceSteps {
  /** The new bytes are on the disk, beside the place. */
  readonly written: () => void;
  /** They stand in the place; the directory is made durable next. */
  readonly renamed: () => void;
}

/**
 * Puts a file into its place, whole or not at all, and durably: written beside as `<file>.new`, fsynced, renamed, the
 * directory fsynced. One writer per place: a leftover of a cut-off write is replaced. Throws `Failure` `store.*`.
 */
export async function replaceDurably(
  file: string,
  content: Uint8Array | Iterable<Uint8Array>,
  steps: ReplaceSteps,
  mode = 0o644,
): Promise<void> {
  const beside = `${file}.new`;
  await onDisk("replacing a file", async () => {
    try {
      // Removed and made anew, never opened: what lies there under our name could be a link that leads elsewhere.
      await rm(beside, { force: true });
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const handle = await open(beside, flags, mode);
      try {
        for (const piece of content instanceof Uint8Array ? [content] : content) await handle.writeFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      steps.written();
      await rename(beside, file);
    } catch (cause) {
      // On a full disk the half-written file is the first thing to go.
      await rm(beside, { force: true }).catch(() => undefined);
      throw cause;
    }
    steps.renamed();
    await syncDirectory(path.dirname(file));
  });
}
