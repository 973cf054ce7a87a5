import { close, constants, fstat, open, read } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Sha256 } from "../core/kernel/digest.ts";
import { SMALL_BYTES } from "./buffer-pool.ts";
import { HotBlobs } from "./hot-blobs.ts";
import { Recent } from "./recent.ts";

// The callback calls in promises, not `fs/promises`: a FileHandle for each request costs more than the file's reads.
const openFile = promisify(open);
const statFile = promisify(fstat);
const readFile = promisify(read);

/** Bytes of small blobs kept in memory. */
const RECENT_BYTES = 32 * 1024 * 1024;

export type BlobFault = "missing" | "size-differs" | "unreadable";

/** A blob that is there, and of its size. Close it. */
export interface OpenBlob {
  /** All its bytes, when it is small, or asked for often. */
  readonly held: Uint8Array | null;
  /** Fills `into` from `offset` on and resolves to the bytes read: 0 means that the file is shorter than it was. */
  read(into: Uint8Array, length: number, offset: number): Promise<number>;
  close(): void;
}

/** The blobs, read-only. `folder` is the data folder's `blobs`. */
export class Blobs {
  readonly #folder: string;
  readonly #recent = new Recent<Sha256, Uint8Array>(RECENT_BYTES, (bytes) => bytes.length + 256);
  readonly #hot = new HotBlobs();

  constructor(folder: string) {
    this.#folder = path.join(folder, "sha256");
  }

  /** All of a small blob that is at hand. */
  held(sha256: Sha256, size: number): Uint8Array | null {
    const known = this.#recent.get(sha256);
    return known?.length === size ? known : null;
  }

  /** Opens a blob that the view says has `size` bytes, or says what is wrong with it. */
  async open(sha256: Sha256, size: number): Promise<OpenBlob | BlobFault> {
    const known = this.held(sha256, size);
    if (known !== null) return heldBlob(known);
    const hot = this.#hot.take(sha256);
    if (hot !== null) return this.#lent(sha256, hot);
    let fd: number | null = null;
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      fd = await openFile(path.join(this.#folder, sha256.slice(0, 2), sha256), flags);
      const stat = await statFile(fd);
      if (!stat.isFile() || stat.size !== size) return closing(fd, "size-differs");
      if (size > SMALL_BYTES && !this.#hot.wants(sha256, size)) return fileBlob(fd);
      const bytes = Buffer.allocUnsafeSlow(size);
      const { bytesRead } = await readFile(fd, bytes, 0, size, 0);
      if (bytesRead !== size) return closing(fd, "size-differs");
      if (size > SMALL_BYTES)
        return this.#hot.keep(sha256, bytes) ? closing(fd, this.#lent(sha256, bytes)) : fileBlob(fd);
      this.#recent.put(sha256, bytes);
      return closing(fd, heldBlob(bytes));
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && "syscall" in cause)) throw cause;
      return closing(fd, cause.code === "ENOENT" ? "missing" : "unreadable");
    }
  }

  #lent(sha256: Sha256, bytes: Uint8Array): OpenBlob {
    let lent = true;
    return {
      ...heldBlob(bytes),
      close: () => {
        if (lent) this.#hot.give(sha256);
        lent = false;
      },
    };
  }
}

function closing<T>(fd: number | null, result: T): T {
  if (fd !== null) close(fd, () => undefined);
  return result;
}

function heldBlob(bytes: Uint8Array): OpenBlob {
  return { held: bytes, read: () => Promise.resolve(0), close: () => undefined };
}

function fileBlob(fd: number): OpenBlob {
  return {
    held: null,
    read: async (into, length, offset) => (await readFile(fd, into, 0, length, offset)).bytesRead,
    close: () => close(fd, () => undefined),
  };
}
