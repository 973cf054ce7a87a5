import { constants } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Trust } from "../../core/model/source.ts";
import { formatKeyFile, type KeyFile, parseKeyFile, trustInKey } from "../../formats/signatures/key-file.ts";
import { UsageError } from "../report.ts";

/** Bytes of a key file: certificates may stand in it. */
const MOST_BYTES = 1024 * 1024;

/** Reads a key file. Throws `UsageError` when it cannot be read, or others may read it; `config.invalid` when it is none. */
export async function readKeyFile(file: string): Promise<KeyFile> {
  const shown = quoteOutside(file, 300);
  const handle = await open(file, constants.O_RDONLY).catch((cause: unknown) => {
    throw new UsageError(`the key ${shown} cannot be read (${errnoOf(cause) ?? "unknown"})`);
  });
  try {
    const { mode, size } = await handle.stat();
    // Whoever can read it can sign for every client: a key that was open for a while is no secret any more.
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new UsageError(
        `others may read or change the key ${shown} (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or make a new one if it may have been read`,
      );
    if (size > MOST_BYTES) throw new UsageError(`${shown} is too large for a key file`);
    return parseKeyFile(await handle.readFile("utf8"), path.basename(file));
  } finally {
    await handle.close();
  }
}

/** Writes a new key file that only its owner may read. Throws `UsageError` where there is something of that name. */
export async function writeKeyFile(file: string, key: KeyFile): Promise<void> {
  await onDisk("writing the key", async () => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(file, flags, 0o600).catch((cause: unknown) => {
      const code = errnoOf(cause);
      if (code === null || code === "ENOSPC" || code === "EDQUOT") throw cause;
      const why = code === "EEXIST" ? "is there already; a key is never overwritten" : `cannot be made (${code})`;
      throw new UsageError(`${quoteOutside(file, 300)} ${why}`);
    });
    try {
      // The umask may take rights away; it must not be able to leave others any.
      await handle.chmod(0o600);
      await handle.writeFile(formatKeyFile(key));
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** What a source that takes content signed by this key has as its `trust`. */
export function trustOfKey(key: KeyFile): Extract<Trust, { kind: "liveupdate" | "minisign" }> {
  return key.kind === "x509" ? trustInKey(key) : { kind: "minisign", keys: [key.publicKey], threshold: 1 };
}
