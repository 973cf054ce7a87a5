import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";

/** Blobs of the store, opened for reading by their digests; nothing else can be opened. */
export interface BlobReader {
  open(sha256: string): Promise<FileHandle>;
}

/** Reads blobs below the data folder's `blobs`. Throws `Failure` `worker.protocol` for what is no digest, `store.io`. */
export function blobReader(folder: string): BlobReader {
  return {
    async open(sha256): Promise<FileHandle> {
      if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Failure("worker.protocol", "not a blob's name");
      const file = path.join(folder, "sha256", sha256.slice(0, 2), sha256);
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      return open(file, flags).catch((cause: unknown) => {
        throw new Failure("store.io", `cannot open blob ${sha256}`, { cause });
      });
    },
  };
}
