import { quoteOutside } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { collisionKey, pathFault } from "../../core/kernel/safe-path.ts";

const BLOCK = 512;
const ZEROS: Buffer = Buffer.alloc(BLOCK);

/** Who takes the members as they pass: `begin`, any number of `data`, `end`; then the next member. */
export interface FlatTarSink {
  begin(name: string, size: number): void;
  data(piece: Uint8Array): void;
  end(): void;
}

/**
 * Reads a tar archive that holds nothing but regular files side by side, as ClamAV writes them (the v7 or ustar
 * header, POSIX.1-1988), from pieces of any size. It is narrower than any unpacker, so that no unpacker can see
 * another archive than the one that was inspected: no directories, links, long-name or pax records, no base-256
 * sizes, no name twice or equal in another case, no bytes behind the end but zeros.
 */
export class FlatTarReader {
  readonly #sink: FlatTarSink;
  readonly #seen = new Set<string>();
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #left = 0;
  #padding = 0;
  #ended = false;
  #offset = 0;
  #fault: string | null = null;

  constructor(sink: FlatTarSink) {
    this.#sink = sink;
  }

  /** Members so far. */
  get members(): number {
    return this.#seen.size;
  }

  /** The first fault with its place, or `null`; after a fault nothing more is read. */
  push(piece: Uint8Array): string | null {
    let rest = piece;
    while (rest.length > 0 && this.#fault === null) {
      const taken = this.#take(rest);
      this.#offset += taken;
      rest = rest.subarray(taken);
    }
    return this.#fault;
  }

  /**
   * To be called at the end of the bytes: whether a member or a block was cut off. ClamAV writes no end mark of zeros, so
   * that members missing behind the last one are noticed only by who knows how many there should be.
   */
  finish(): string | null {
    const open = this.#left > 0 || this.#padding > 0 || this.#filled > 0;
    return this.#fault ?? (open ? this.#fail("the archive is cut off") : null);
  }

  #take(piece: Uint8Array): number {
    if (this.#left > 0) {
      const data = piece.subarray(0, this.#left);
      this.#left -= data.length;
      this.#sink.data(data);
      if (this.#left === 0) this.#sink.end();
      return data.length;
    }
    if (this.#padding > 0) {
      const padding = piece.subarray(0, this.#padding);
      this.#padding -= padding.length;
      if (padding.some((byte) => byte !== 0)) this.#fail("bytes are hidden in the padding");
      return padding.length;
    }
    const part = piece.subarray(0, BLOCK - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#header();
    }
    return part.length;
  }

  #header(): void {
    if (this.#block.equals(ZEROS)) {
      this.#ended = true;
      return;
    }
    if (this.#ended) {
      this.#fail("bytes follow the archive's end mark");
      return;
    }
    const header = readHeader(this.#block);
    const fault = typeof header === "string" ? header : this.#admit(header.name);
    if (typeof header === "string" || fault !== null) {
      this.#fail(fault ?? "");
      return;
    }
    this.#left = header.size;
    this.#padding = (BLOCK - (header.size % BLOCK)) % BLOCK;
    this.#sink.begin(header.name, header.size);
    if (header.size === 0) this.#sink.end();
  }

  #admit(name: string): string | null {
    const unsafe = pathFault(name) ?? (name.includes("/") ? "in a folder" : null);
    if (unsafe !== null) return `member name ${quoteOutside(name)} is unsafe (${unsafe})`;
    const key = collisionKey(name);
    if (this.#seen.has(key)) return `two members would be one file: ${quoteOutside(name)}`;
    this.#seen.add(key);
    return this.#seen.size > LIMITS.archiveMembers ? `more than ${LIMITS.archiveMembers} members` : null;
  }

  #fail(what: string): string {
    const block = this.#offset - (this.#offset % BLOCK);
    this.#fault = `${what} (in the block at byte ${block} of the unpacked archive)`;
    return this.#fault;
  }
}

function readHeader(block: Buffer): { readonly name: string; readonly size: number } | string {
  const name = field(block, 0, 100);
  const size = octal(block, 124, 12);
  const checksum = octal(block, 148, 8);
  if (name === null) return "a member name has bytes behind its end or is not printable ASCII";
  if (size === null) return `member ${quoteOutside(name)}: its size is not octal`;
  if (checksum !== checksumOf(block)) return `member ${quoteOutside(name)}: the checksum of its header is wrong`;
  const type = block[156];
  if (type !== 0 && type !== 0x30) return `member ${quoteOutside(name)} is not a regular file`;
  // A link's target and a ustar prefix would change what or where the member is for readers that know them.
  if (field(block, 157, 100) !== "" || field(block, 345, 155) !== "")
    return `member ${quoteOutside(name)} has a link target or a prefix`;
  return { name, size };
}

/** The sum of the header's bytes, those of the checksum itself taken as blanks. */
function checksumOf(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return sum;
}

/** A NUL-padded field of printable ASCII; `null` when something stands behind its first NUL. */
function field(block: Buffer, start: number, length: number): string | null {
  const nul = block.indexOf(0, start);
  const [stop, end] = [start + length, nul < 0 ? start + length : Math.min(nul, start + length)];
  if (block.compare(ZEROS, 0, stop - end, end, stop) !== 0) return null;
  const text = block.toString("latin1", start, end);
  return /^[ -~]*$/.test(text) ? text : null;
}

function octal(block: Buffer, start: number, length: number): number | null {
  const text = block.toString("latin1", start, start + length);
  const digits = /^ *([0-7]{1,11})[ \0]*$/.exec(text)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8);
}
