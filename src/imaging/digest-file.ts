import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { onDisk } from "../core/kernel/disk.ts";

/** Bytes and SHA-256 of a file. */
export async function digestOf(file: string): Promise<{ readonly size: number; readonly sha256: string }> {
  return await onDisk("digesting a part of the image", async () => {
    const handle = await open(file);
    try {
      const hash = createHash("sha256");
      let size = 0;
      for await (const piece of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
        hash.update(piece);
        size += piece.length;
      }
      return { size, sha256: hash.digest("hex") };
    } finally {
      await handle.close();
    }
  });
}
