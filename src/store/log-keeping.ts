import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Failure } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import { storeFailure } from "./durable.ts";

/** What becomes of logs that were put aside. */
export interface LogKeeping {
  /** Files of each log, and how old they may be. */
  readonly files: number;
  readonly age: Duration;
  /** Bytes of all logs together. */
  readonly total: number;
  /** Whether they are compressed. */
  readonly compress: boolean;
}

/** A log that was put aside: its own name, when, and whether it is compressed. */
const ASIDE = /^(.+\.access\.log)\.(\d{8}T\d{6}Z(?:-\d+)?)(\.gz)?$/;

interface Aside {
  readonly file: string;
  readonly log: string;
  readonly stamp: string;
  readonly compressed: boolean;
  readonly size: number;
  readonly at: Instant;
}

/** Compresses and removes logs that were put aside, one after another, while others are written. */
export class LogKeeper {
  readonly #folder: string;
  readonly #keeping: LogKeeping;
  readonly #now: () => Instant;
  readonly #onBug: (error: unknown) => void;
  #work: Promise<void> = Promise.resolve();
  #waiting = false;

  constructor(folder: string, keeping: LogKeeping, now: () => Instant, onBug: (error: unknown) => void) {
    this.#folder = folder;
    this.#keeping = keeping;
    this.#now = now;
    this.#onBug = onBug;
  }

  tidy(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#work = this.#work
      .then(() => {
        this.#waiting = false;
        return this.#tidy();
      })
      .catch((cause: unknown) => {
        // A disk that has no room for the compressed copy, or a file that somebody else removed: the next time.
        if (!(storeFailure(cause, "keeping logs") instanceof Failure)) this.#onBug(cause);
      });
  }

  settled(): Promise<void> {
    return this.#work;
  }

  async #tidy(): Promise<void> {
    // First room, then compression: it needs some for itself.
    await this.#remove();
    if (!this.#keeping.compress) return;
    for (const aside of await this.#asides()) if (!aside.compressed) await this.#compress(aside.file);
    await this.#remove();
  }

  async #remove(): Promise<void> {
    const { files, age, total } = this.#keeping;
    const oldest = (await this.#asides()).toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1));
    const left = new Map<string, number>();
    for (const { log } of oldest) left.set(log, (left.get(log) ?? 0) + 1);
    let bytes = await this.#bytes();
    for (const { file, log, size, at } of oldest) {
      const count = left.get(log) ?? 0;
      if (count <= files && this.#now() - at <= age && bytes <= total) continue;
      await rm(path.join(this.#folder, file), { force: true });
      left.set(log, count - 1);
      bytes -= size;
    }
  }

  async #asides(): Promise<readonly Aside[]> {
    const found: Aside[] = [];
    for (const file of await readdir(this.#folder)) {
      const [, log, stamp, ending] = ASIDE.exec(file) ?? [];
      if (log === undefined || stamp === undefined) continue;
      const { size } = await stat(path.join(this.#folder, file));
      const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/, "$1-$2-$3T$4:$5:$6Z");
      found.push({ file, log, stamp, compressed: ending !== undefined, size, at: Date.parse(iso) });
    }
    return found;
  }

  /** Of everything in the folder, the event log among it. */
  async #bytes(): Promise<number> {
    let bytes = 0;
    for (const file of await readdir(this.#folder)) bytes += (await stat(path.join(this.#folder, file))).size;
    return bytes;
  }

  /** Beside its place, then into it: a reader finds the one or the other, whole. */
  async #compress(file: string): Promise<void> {
    const plain = path.join(this.#folder, file);
    const part = `${plain}.gz.part`;
    await rm(part, { force: true });
    await pipeline(createReadStream(plain), createGzip(), createWriteStream(part, { mode: 0o640, flush: true }));
    await rename(part, `${plain}.gz`);
    await rm(plain);
  }
}
