import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import type { QuarantinedFile } from "../wire/jobs.ts";
import type { QuarantineReader } from "./feed-format.ts";

const PLAIN_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Opens files of one quarantine folder by their plain names, for reading, and nothing else.
 *
 * @throws Failure `worker.protocol` for a name that is none, `store.io` when the file cannot be opened or read or is
 * larger than asked for.
 */
export function quarantineReader(folder: string): QuarantineReader {
  const openFile = async (file: QuarantinedFile): Promise<FileHandle> => {
    if (!PLAIN_NAME.test(file.file) || file.file === "." || file.file === "..")
      throw new Failure("worker.protocol", "not a quarantine file's name");
    // The keeper alone writes there; still a link is not followed and a pipe not waited on.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(path.join(folder, file.file), flags).catch((cause: unknown) => {
      throw new Failure("store.io", `cannot open ${file.file} in quarantine`, { cause, retry: "later" });
    });
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw new Failure("store.io", `${file.file} in quarantine is no regular file`);
  };
  return {
    open: openFile,
    async read(file, most) {
      const handle = await openFile(file);
      try {
        return await readUpTo(handle, most, file.file);
      } finally {
        await handle.close();
      }
    },
  };
}

/** By the size that the open file has: a second look by name could be of another file. */
async function readUpTo(handle: FileHandle, most: number, name: string): Promise<Uint8Array> {
  const { size } = await handle.stat();
  if (size > most) throw new Failure("store.io", `${name} in quarantine has ${size} bytes, more than ${most}`);
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) throw new Failure("store.io", `${name} in quarantine ended at ${filled} of ${size} bytes`);
    filled += bytesRead;
  }
  return bytes;
}
