import { closeSync, constants, lstatSync, openSync, readSync, statSync } from "node:fs";
import path from "node:path";
import {
  type Act,
  type ActLine,
  type FileAct,
  type FilmEnd,
  type FilmHead,
  FilmRecorder,
  MOST_FILM_BYTES,
  type Who,
} from "../../core/observed/film.ts";

/** What is noted of one act. */
interface Noted {
  readonly at: number;
  readonly by: Who;
  readonly did: Act;
  readonly failed: string | null;
}

/** Writes a film's lines as they come, and adds what only this machine can say: whose files root used, and what a script is run by. */
export class Recording {
  readonly #recorder = new FilmRecorder();
  readonly #write: (line: string) => void;
  #bytes = 0;
  #over = 0;

  constructor(head: FilmHead, write: (line: string) => void) {
    this.#write = write;
    this.#put(head);
  }

  note({ at, by, did, failed }: Noted): void {
    const line = this.#bytes > MOST_FILM_BYTES ? null : this.#recorder.note(at, by, did, failed);
    if (this.#bytes > MOST_FILM_BYTES) this.#over += 1;
    if (line === null) return;
    this.#put(line);
    if (failed !== null || !("path" in did)) return;
    const needed = by.uid === 0 ? overrideOf(did) : null;
    if (needed !== null) this.note({ at, by, did: { act: "right", name: needed, with: did.path }, failed: null });
    const interpreter = did.act === "execute" ? interpreterOf(did.path) : null;
    if (interpreter !== null)
      this.note({ at, by, did: { act: "execute", path: interpreter, folder: false }, failed: null });
  }

  end(at: number, unread: number): FilmEnd {
    const end = this.#recorder.end(at, unread);
    const all = { ...end, left: end.left + this.#over };
    this.#write(`${JSON.stringify(all)}\n`);
    return all;
  }

  #put(line: FilmHead | ActLine): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#bytes += Buffer.byteLength(text);
    this.#write(text);
  }
}

/** What root needs beyond its own files' permissions to use a path as it was used: passing over those of others (capabilities(7)). */
function overrideOf({ act, path: file }: FileAct): "CAP_DAC_OVERRIDE" | "CAP_DAC_READ_SEARCH" | null {
  const writes = act === "write" || act === "make" || act === "remove";
  // Files of processes are the kernel's own, and have other rules.
  if (file.startsWith("/proc/") || file.startsWith("/sys/") || file.includes("\\")) return null;
  try {
    const parts = file.split("/").slice(1, -1);
    const folders = parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
    // A folder that may not be searched hides what is in it from root too, once it has no rights beyond others'.
    if (folders.some((folder) => !mayRoot(folder, 1))) return writes ? "CAP_DAC_OVERRIDE" : "CAP_DAC_READ_SEARCH";
    // To look at a file is a right over its folder.
    if (act === "look") return null;
    if (!writes) return mayRoot(file, act === "execute" ? 1 : 4) ? null : "CAP_DAC_READ_SEARCH";
    const isThere = lstatSync(file, { throwIfNoEntry: false }) !== undefined;
    if (isThere && statSync(file).isFile() && !mayRoot(file, 2)) return "CAP_DAC_OVERRIDE";
    return isThere || mayRoot(path.dirname(file), 3) ? null : "CAP_DAC_OVERRIDE";
  } catch {
    // It is gone by now, and nothing is known of it.
    return null;
  }
}

function mayRoot(file: string, bits: number): boolean {
  const { uid, gid, mode } = statSync(file);
  const rights = uid === 0 ? mode >> 6 : gid === 0 ? mode >> 3 : mode;
  return (rights & bits) === bits;
}

/** Of a script the program that runs it, which the kernel opens by itself (execve(2)). */
function interpreterOf(file: string): string | null {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const head = Buffer.alloc(256);
      const text = head.subarray(0, readSync(fd, head)).toString("latin1");
      return /^#! *(\/[\w./+-]+)/.exec(text)?.[1] ?? null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}
