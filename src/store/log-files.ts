import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import { storeFailure } from "./durable.ts";
import { LogKeeper, type LogKeeping } from "./log-keeping.ts";

/** When a log is put aside, and what becomes of it; see `logs` in core/config.ts. */
export interface LogPolicy extends LogKeeping {
  /** Bytes of one file. */
  readonly size: number;
  /** At every full multiple of this since 1970, in UTC: a day's begins at midnight. */
  readonly every: Duration;
}

/** How often it is looked whether somebody else has put the file aside. */
const LOOK_EVERY: Duration = 1_000;
const NEWLINE = 10;

export interface LogFilesOptions {
  readonly folder: string;
  readonly policy: LogPolicy;
  readonly now: () => Instant;
  /** A file could not be written or put aside; said once until it can be again. */
  readonly onTrouble: (log: string, failure: Failure) => void;
  readonly onBug: (error: unknown) => void;
}

/**
 * The access logs: each server writes its lines into a pipe, and only here are files opened, put aside, compressed and
 * removed. A server that was taken over can add lines to its own log, and change none that stands there; and however
 * many it adds, all logs together stay below their ceiling.
 */
export class LogFiles {
  readonly #options: LogFilesOptions;
  readonly #keeper: LogKeeper;
  readonly #files = new Map<string, LogFile>();
  readonly #reading = new Set<Promise<void>>();

  constructor(options: LogFilesOptions) {
    this.#options = options;
    this.#keeper = new LogKeeper(options.folder, options.policy, options.now, options.onBug);
  }

  /**
   * Reads a server's lines until it is gone, into `<name>.access.log`. `header` is what a new file begins with. While
   * the disk is slow the pipe fills, and the server keeps, and in the end counts, what has no room.
   */
  read(name: string, header: (at: Instant) => string, lines: AsyncIterable<Uint8Array>): void {
    let file = this.#files.get(name);
    if (file === undefined) {
      // Each of them may be full: together they leave as much again for what was put aside.
      file = new LogFile(`${name}.access.log`, header, this.#options, () => this.#keeper.tidy());
      this.#files.set(name, file);
    }
    const into = file;
    const reading = (async (): Promise<void> => {
      try {
        for await (const piece of lines) await into.write(piece);
      } catch (cause) {
        // The pipe of a process that was killed.
        if (!(cause instanceof Error && "syscall" in cause)) throw cause;
      }
    })()
      .catch(this.#options.onBug)
      .finally(() => this.#reading.delete(reading));
    this.#reading.add(reading);
  }

  /** Puts aside whatever can be: at the start, for what a daemon that was killed left. */
  tidy(): void {
    this.#keeper.tidy();
  }

  /** Writes what the servers that are gone have left in their pipes, and closes. */
  async close(): Promise<void> {
    await Promise.all(this.#reading);
    await Promise.all([...this.#files.values()].map((file) => file.close()));
    await this.#keeper.settled();
  }
}

class LogFile {
  readonly #name: string;
  readonly #header: (at: Instant) => string;
  readonly #options: LogFilesOptions;
  readonly #onAside: () => void;
  #handle: FileHandle | null = null;
  #inode = 0;
  #size = 0;
  #period = 0;
  #lookedAt = 0;
  #lost = 0;
  #troubled = false;
  #last: Promise<void> = Promise.resolve();

  constructor(name: string, header: (at: Instant) => string, options: LogFilesOptions, onAside: () => void) {
    this.#name = name;
    this.#header = header;
    this.#options = options;
    this.#onAside = onAside;
  }

  get #path(): string {
    return path.join(this.#options.folder, this.#name);
  }

  /** One piece after another, also of two processes of which one has just replaced the other. */
  write(piece: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#write(piece));
    return this.#last;
  }

  async #write(piece: Uint8Array): Promise<void> {
    try {
      let rest = piece;
      for (let cut = await this.#room(rest); cut < rest.length; cut = await this.#room(rest)) {
        await this.#append(rest.subarray(0, cut));
        rest = rest.subarray(cut);
        await this.#putAside();
      }
      await this.#append(rest);
      if (this.#lost > 0) await this.#append(Buffer.from(`#Remark: ${this.#lost} lines lost\n`));
      this.#lost = 0;
      this.#troubled = false;
    } catch (cause) {
      const failure = storeFailure(cause, `writing ${this.#name}`);
      this.#lost += piece.reduce((lines, byte) => lines + (byte === NEWLINE ? 1 : 0), 0);
      if (!this.#troubled) this.#options.onTrouble(this.#name, failure);
      this.#troubled = true;
    }
  }

  /** How many bytes of a piece still belong into the present file: all, or up to the end of a line. */
  async #room(piece: Uint8Array): Promise<number> {
    const now = this.#options.now();
    if (this.#handle === null) await this.#open(now);
    else if (Math.abs(now - this.#lookedAt) >= LOOK_EVERY) await this.#look(now);
    const { size, every } = this.#options.policy;
    const due = Math.floor(now / every) !== this.#period;
    if (!due && this.#size + piece.length <= size) return piece.length;
    // A file takes at least one line more than its header, however small it is to be.
    const at = due ? piece.indexOf(NEWLINE) : piece.lastIndexOf(NEWLINE, Math.max(0, size - this.#size));
    const cut = (at === -1 ? piece.indexOf(NEWLINE) : at) + 1;
    return cut === 0 ? piece.length : due && this.#atLineStart ? 0 : cut;
  }

  #atLineStart = true;

  async #append(piece: Uint8Array): Promise<void> {
    if (piece.length === 0 || this.#handle === null) return;
    for (let at = 0; at < piece.length; ) {
      const { bytesWritten } = await this.#handle.write(piece, at, piece.length - at);
      at += bytesWritten;
      this.#size += bytesWritten;
    }
    this.#atLineStart = piece.at(-1) === NEWLINE;
  }

  async #open(now: Instant): Promise<void> {
    const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
    const handle = await open(this.#path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o640);
    const { ino, size, birthtimeMs } = await handle.stat();
    this.#handle = handle;
    [this.#inode, this.#size, this.#lookedAt] = [ino, size, now];
    this.#atLineStart = true;
    const born = size === 0 || birthtimeMs === 0 ? now : Math.floor(birthtimeMs);
    this.#period = Math.floor(born / this.#options.policy.every);
  }

  /** Another program may have put the file aside, as logrotate does: then a new one is begun. */
  async #look(now: Instant): Promise<void> {
    this.#lookedAt = now;
    const there = await stat(this.#path).catch(() => null);
    if (there?.ino === this.#inode) return;
    await this.#close();
    await this.#begin(now);
  }

  async #putAside(): Promise<void> {
    const now = this.#options.now();
    await this.#close();
    // The time to the second, and a number where two fall into one: no name is used twice.
    const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
    for (let n = 1; ; n += 1) {
      const aside = `${this.#path}.${stamp}${n === 1 ? "" : `-${n}`}`;
      const taken = await Promise.all([stat(aside).catch(() => null), stat(`${aside}.gz`).catch(() => null)]);
      if (taken.some((there) => there !== null)) continue;
      await rename(this.#path, aside);
      break;
    }
    await this.#begin(now);
    this.#onAside();
  }

  async #begin(now: Instant): Promise<void> {
    await this.#open(now);
    this.#period = Math.floor(now / this.#options.policy.every);
    if (this.#size === 0) await this.#append(Buffer.from(this.#header(now), "latin1"));
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#close().catch(() => undefined);
  }
}
