import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsync,
  futimesSync,
  open,
  openSync,
  read,
  type Stats,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";

const openOnPool = promisify(open);
const fsyncOnPool = promisify(fsync);
const readOnPool = promisify(read);
const writeOnPool = promisify(write);

/**
 * One open file. Calls that touch only what the kernel holds in memory are made at once: to hand one to the thread pool
 * and back costs some 150 µs here, the call itself some 5 µs, and a small file takes ten of them. What waits for the
 * disk or copies much goes to the pool.
 */
export class OpenFile {
  readonly #fd: number;
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static open(path: string, flags: number, mode?: number): OpenFile {
    return new OpenFile(openSync(path, flags, mode));
  }

  /** Opens a file that is made by it: that waits for the journal, behind every fsync that is under way. */
  static async create(path: string, flags: number, mode: number): Promise<OpenFile> {
    return new OpenFile(await openOnPool(path, flags, mode));
  }

  stat(): Stats {
    return fstatSync(this.#fd);
  }

  chmod(mode: number): void {
    fchmodSync(this.#fd, mode);
  }

  /** Sets access and modification time, in seconds since 1970. */
  touch(seconds: number): void {
    futimesSync(this.#fd, seconds, seconds);
  }

  /** Makes content, mode and times durable. */
  async sync(): Promise<void> {
    await fsyncOnPool(this.#fd);
  }

  /** Bytes read. */
  async read(buffer: Buffer, length: number, position: number): Promise<number> {
    const { bytesRead } = await readOnPool(this.#fd, buffer, 0, length, position);
    return bytesRead;
  }

  /** Writes all of it, on the pool. */
  async write(buffer: Buffer, length: number, position: number): Promise<void> {
    for (let at = 0; at < length; ) {
      at += (await writeOnPool(this.#fd, buffer, at, length - at, position + at)).bytesWritten;
    }
  }

  /** Writes all of it, at once: for little. */
  writeNow(buffer: Buffer, length: number, position: number): void {
    for (let at = 0; at < length; ) at += writeSync(this.#fd, buffer, at, length - at, position + at);
  }

  /** Closes it, once; some file systems tell of a full disk only here. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}
