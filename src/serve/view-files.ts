import { hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import { type ChannelPointer, MOST_POINTER_BYTES, parseChannelPointer } from "../core/publish/channel-pointer.ts";
import { RevisionView } from "../core/publish/revision-view.ts";

/** No link in the last place is followed, and no pipe laid there holds us up. */
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface OpenFile {
  readonly fd: number;
  readonly view: RevisionView;
  users: number;
}

/** Reads a channel's pointer file. Throws `Failure` `store.*`. */
export function readPointer(folder: string, channel: string): ChannelPointer {
  return onDisk(`the pointer of ${channel}`, () => {
    const fd = openSync(path.join(folder, "channels", `${channel}.json`), READ_ONLY);
    try {
      if (fstatSync(fd).size > MOST_POINTER_BYTES)
        throw new Failure("store.damaged", `the pointer of ${channel} is too large`);
      return parseChannelPointer(readFileSync(fd, "utf8"), channel);
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * The view files in use, each open once however many channel views show it. Reads are synchronous: a record is a few
 * hundred bytes of a file that stays in the page cache, and a trip through the thread pool would cost more than the read.
 */
export class ViewFiles {
  readonly #folder: string;
  readonly #open = new Map<string, OpenFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** How many files are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Opens a revision's view, or shares it. Throws `Failure` `store.*`. */
  acquire(source: string, revision: number): RevisionView {
    const key = `${source}/${revision}`;
    const file = this.#open.get(key) ?? this.#openFile(key, revision);
    file.users += 1;
    return file.view;
  }

  release(source: string, revision: number): void {
    const key = `${source}/${revision}`;
    const file = this.#open.get(key);
    if (file === undefined) return;
    file.users -= 1;
    if (file.users > 0) return;
    this.#open.delete(key);
    closeSync(file.fd);
  }

  #openFile(key: string, revision: number): OpenFile {
    return onDisk(`the view ${key}`, () => {
      const fd = openSync(path.join(this.#folder, "revisions", `${key}.view`), READ_ONLY);
      try {
        const stat = fstatSync(fd);
        if (!stat.isFile()) throw new Failure("store.damaged", `the view ${key} is no file`);
        const read = (offset: number, length: number): Uint8Array => readWhole(fd, offset, length);
        const view = new RevisionView({ length: stat.size, read }, (text) => hash("sha256", text, "buffer"));
        if (view.revision !== revision)
          throw new Failure("store.damaged", `the view ${key} is of revision ${view.revision}`);
        const file: OpenFile = { fd, view, users: 0 };
        this.#open.set(key, file);
        return file;
      } catch (cause) {
        closeSync(fd);
        throw cause;
      }
    });
  }
}

function readWhole(fd: number, offset: number, length: number): Uint8Array {
  return onDisk("reading a view", () => {
    const bytes = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      const read = readSync(fd, bytes, filled, length - filled, offset + filled);
      if (read === 0) return bytes.subarray(0, filled);
      filled += read;
    }
    return bytes;
  });
}

/** A file that is not there, or is a link, is damage: the daemon wrote it before it pointed at it. */
function onDisk<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause && "code" in cause && typeof cause.code === "string"))
      throw cause;
    const missing = cause.code === "ENOENT" || cause.code === "ELOOP";
    throw new Failure(missing ? "store.damaged" : "store.io", `${what}: ${cause.code}`, {
      cause,
      retry: missing ? "never" : "later",
    });
  }
}
