import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { type Fact, known, unknown } from "../core/machine/facts.ts";

const MOST_BYTES = 4 * 1_024 * 1_024;

/** The machine below a folder: "/" for this one, else an image or a tree of a test. What cannot be read is unknown. */
export class Root {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = path.resolve(folder);
  }

  /** Whether it is the machine that this runs on: programs of it can be asked. */
  get isHere(): boolean {
    return this.folder === "/";
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  /** A file's text, at most so many bytes of it: a longer one is unknown, not cut. */
  text(name: string, most = MOST_BYTES): Fact<string> {
    const bytes = this.bytes(name, most);
    return "is" in bytes ? known(bytes.is.toString("utf8")) : bytes;
  }

  bytes(name: string, most = MOST_BYTES): Fact<Buffer> {
    try {
      // Files of /proc have no size that is told: they are read until they end, or until it is too much.
      const fd = openSync(this.at(name), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const pieces: Buffer[] = [];
        for (let held = 0; ; ) {
          const piece = Buffer.alloc(65_536);
          const count = readSync(fd, piece);
          if (count === 0) return known(Buffer.concat(pieces));
          held += count;
          if (held > most) return unknown(`${name} is larger than ${most} bytes`);
          pieces.push(piece.subarray(0, count));
        }
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      return unknown(`${name}: ${errnoOf(cause) ?? "unreadable"}`);
    }
  }

  names(folder: string): Fact<readonly string[]> {
    try {
      return known(readdirSync(this.at(folder)).toSorted());
    } catch (cause) {
      return unknown(`${folder}: ${errnoOf(cause) ?? "unreadable"}`);
    }
  }

  /** Whether a name is there; one that may not be looked at is unknown. */
  exists(name: string): Fact<boolean> {
    try {
      return known(lstatSync(this.at(name), { throwIfNoEntry: false }) !== undefined);
    } catch (cause) {
      return unknown(`${name}: ${errnoOf(cause) ?? "unreadable"}`);
    }
  }

  /** Where a link leads, as bytes; of /proc often no path. */
  link(name: string): Fact<Buffer> {
    try {
      return known(readlinkSync(this.at(name), { encoding: "buffer" }));
    } catch (cause) {
      return unknown(`${name}: ${errnoOf(cause) ?? "unreadable"}`);
    }
  }
}
