import { constants, type Stats } from "node:fs";
import { lstat, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";

/** What stands there itself, a link not followed; `null` when nothing does. */
export async function lookAt(file: string): Promise<Stats | null> {
  try {
    return await lstat(file);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
}

/** Makes the names in a directory durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a file that was not there, never through a link, and durably; `fill` writes it. */
export async function writeNew<T>(
  file: string,
  mode: number,
  fill: (write: (piece: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const handle = await open(
    file,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    mode,
  );
  try {
    const result = await fill((piece) => handle.writeFile(piece));
    await handle.sync();
    return result;
  } finally {
    await handle.close();
  }
}

/** Puts a file into its place whole or not at all, and durably. One writer at a time: the agent's lock sees to that. */
export async function replaceFile(file: string, content: string, mode = 0o600): Promise<void> {
  const beside = `${file}.new`;
  await rm(beside, { force: true });
  await writeNew(beside, mode, (write) => write(Buffer.from(content)));
  await rename(beside, file);
  await syncFolder(path.dirname(file));
}
