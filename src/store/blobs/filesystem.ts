import { createHash } from "node:crypto";
import { constants, lstatSync, renameSync, rmSync, statfsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import path from "node:path";
import type { Accepted } from "../../core/intake/judge-file.ts";
import { parseSha256, type Sha256 } from "../../core/kernel/digest.ts";
import { errnoOf } from "../../core/kernel/disk.ts";
import { Failure } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { AtStep, BlobState, BlobStore } from "../../core/ports.ts";
import { onDisk, syncDirectory } from "../durable.ts";
import { OpenFile } from "../open-file.ts";
import { quarantinePath } from "../quarantine.ts";

const READ_BYTES = 1024 * 1024;
const PREFIX = /^[0-9a-f]{2}$/;

export interface BlobsOptions {
  /** The folder `blobs`; on the same file system as the quarantine, for blobs are admitted by a rename. */
  readonly folder: string;
  readonly quarantine: string;
  readonly atStep: AtStep;
  readonly now: () => Instant;
}

/** Opens the blobs below a folder, and makes it where there is none. Throws `Failure` `store.*`, as all methods do. */
export async function openBlobs(options: BlobsOptions): Promise<BlobStore> {
  return onDisk("opening the blobs", async () => {
    const root = path.join(options.folder, "sha256");
    await mkdir(root, { recursive: true, mode: 0o755 });
    const touched = [path.dirname(options.folder), options.folder, root];
    // A process that was killed after a rename and before its directory was synced left a blob that stands there today
    // and may be gone after a power cut. Nothing tells it from the others: the first settling makes all of them sure.
    for (const name of await readdir(root)) if (PREFIX.test(name)) touched.push(path.join(root, name));
    return new BlobFolder(options, root, touched);
  });
}

class BlobFolder implements BlobStore {
  readonly #options: BlobsOptions;
  readonly #root: string;
  readonly #known: Set<string>;
  #touched: Set<string>;
  #settling: Promise<void> = Promise.resolve();

  constructor(options: BlobsOptions, root: string, touched: readonly string[]) {
    this.#options = options;
    this.#root = root;
    this.#known = new Set(touched);
    this.#touched = new Set(touched);
  }

  /**
   * The file is not hashed again: this process hashed it as it landed, and this process alone may write in quarantine,
   * so that no other bytes can have come under its name since. What is checked is that it is the file, and its size.
   */
  async admit(accepted: Accepted): Promise<void> {
    const { sha256, size, file } = accepted;
    const from = quarantinePath(this.#options.quarantine, file);
    const target = this.#pathOf(sha256);
    await onDisk("admitting a blob", async () => {
      if ((await this.sizeOf(sha256)) === size) {
        // Admitted anew: the grace begins again, or a collection could take it before the revision names it.
        const now = this.#options.now() / 1_000;
        const blob = OpenFile.open(target, constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          blob.touch(now);
        } finally {
          blob.close();
        }
        rmSync(from, { force: true });
        return;
      }
      await this.#makeDurable(from, size);
      this.#options.atStep("blob.synced");
      await this.#makeFolder(path.dirname(target));
      // Over a blob of another size, which is a damaged one: the rename repairs it.
      renameSync(from, target);
      // After the rename: a settling of another run that began before it would otherwise take the mark and miss the name.
      this.#touched.add(path.dirname(target));
      this.#options.atStep("blob.renamed");
    });
  }

  async settle(): Promise<void> {
    // One after another: a run must not seal while the directories that it needs are in another run's hands.
    const settled = this.#settling.then(() => this.#settleTouched());
    this.#settling = settled.catch(() => undefined);
    await settled;
  }

  async sizeOf(sha256: Sha256): Promise<number | null> {
    return onDisk("looking for a blob", async () => {
      const stat = lstatSync(this.#pathOf(sha256), { throwIfNoEntry: false });
      return stat?.isFile() === true ? stat.size : null;
    });
  }

  async check(sha256: Sha256, size: number): Promise<BlobState> {
    return onDisk("checking a blob", async () => {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      let handle: FileHandle | null = null;
      try {
        handle = await open(this.#pathOf(sha256), flags);
        const stat = await handle.stat();
        if (!stat.isFile() || stat.size !== size) return "damaged";
        return (await hashOf(handle)) === sha256 ? "whole" : "damaged";
      } catch (cause) {
        const code = errnoOf(cause);
        if (code === "ENOENT") return "missing";
        // A link in a blob's place, or a sector that can no longer be read: it is damaged, and the check goes on.
        if (code === "ELOOP" || code === "EIO" || code === "ENXIO") return "damaged";
        throw cause;
      } finally {
        await handle?.close();
      }
    });
  }

  async remove(sha256: Sha256): Promise<void> {
    await onDisk("removing a blob", () => unlink(this.#pathOf(sha256)).catch(orAbsent));
  }

  async *list(): AsyncIterable<{ readonly sha256: Sha256; readonly size: number; readonly admittedAt: Instant }> {
    for (const prefix of await onDisk("listing the blobs", () => readdir(this.#root))) {
      if (PREFIX.test(prefix)) yield* await this.#listFolder(path.join(this.#root, prefix), prefix);
    }
  }

  async freeBytes(): Promise<number> {
    return onDisk("asking for free space", async () => {
      const { bavail, bsize } = statfsSync(this.#root);
      return bavail * bsize;
    });
  }

  #pathOf(sha256: Sha256): string {
    return path.join(this.#root, sha256.slice(0, 2), sha256);
  }

  // Mode and time before the fsync, which makes all three durable in one.
  async #makeDurable(from: string, size: number): Promise<void> {
    const file = OpenFile.open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = file.stat();
      if (!stat.isFile() || stat.size !== size) {
        throw new Failure("store.damaged", "a file in quarantine is not the one that was judged");
      }
      file.chmod(0o444);
      file.touch(this.#options.now() / 1_000);
      await file.sync();
    } catch (cause) {
      // Linux drops the pages that it could not write: a second fsync of this file would succeed and prove nothing.
      rmSync(from, { force: true });
      throw cause;
    } finally {
      file.close();
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o755 });
    this.#known.add(folder);
    this.#touched.add(this.#root);
  }

  async #settleTouched(): Promise<void> {
    const folders = [...this.#touched];
    this.#touched = new Set();
    try {
      await onDisk("making the blobs' directories durable", async () => {
        await Promise.all(folders.map((folder) => syncDirectory(folder)));
      });
    } catch (cause) {
      for (const folder of folders) this.#touched.add(folder);
      throw cause;
    }
    this.#options.atStep("blobs.directories-synced");
  }

  async #listFolder(
    folder: string,
    prefix: string,
  ): Promise<readonly { readonly sha256: Sha256; readonly size: number; readonly admittedAt: Instant }[]> {
    return onDisk("listing the blobs", async () => {
      const names = await readdir(folder);
      const found = await Promise.all(
        names.map(async (name) => {
          const sha256 = parseSha256(name);
          if (sha256 === null || sha256 !== name || !name.startsWith(prefix)) return null;
          const stat = await lstat(path.join(folder, name)).catch(orAbsent);
          if (stat === null || !stat.isFile()) return null;
          return { sha256, size: stat.size, admittedAt: Math.round(stat.mtimeMs) };
        }),
      );
      return found.filter((blob) => blob !== null);
    });
  }
}

async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
  }
}

function orAbsent(cause: unknown): null {
  if (errnoOf(cause) === "ENOENT") return null;
  throw cause;
}
