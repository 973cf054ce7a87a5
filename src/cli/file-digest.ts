import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Sha256 } from "../core/kernel/digest.ts";
import { LIMITS } from "../core/kernel/limits.ts";

/** What stands in a file: how many bytes, and their SHA-256. */
export interface FileDigest {
  readonly size: number;
  readonly sha256: Sha256;
}

/**
 * Reads a file to its end. `refuse` links where the name alone is what was looked at: another file may stand behind it by then.
 * Throws what the file system throws.
 */
export async function fileDigest(file: string, links: "follow" | "refuse"): Promise<FileDigest> {
  const handle = await open(file, constants.O_RDONLY | (links === "refuse" ? constants.O_NOFOLLOW : 0));
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(LIMITS.frameBytes);
  try {
    for (let size = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return { size, sha256: hash.digest("hex") as Sha256 };
      hash.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
