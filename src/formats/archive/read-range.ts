import type { FileHandle } from "node:fs/promises";
import { Failure } from "../../core/kernel/errors.ts";

/** Bytes of one read: large enough that the system calls do not count, small enough to hold many at once. */
const PIECE_BYTES = 128 * 1024;

/** The bytes from `start` up to and without `end` of an open file. */
export interface FileRange {
  readonly handle: FileHandle;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a range piece by piece, each in a buffer of its own. Throws `store.io` when the file is shorter than the keeper
 * said: nobody but the keeper writes to quarantine, so that is no fact about the vendor's file.
 */
export async function* readRange({ handle, start, end }: FileRange): AsyncGenerator<Buffer, void, undefined> {
  let at = start;
  while (at < end) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0)
      throw new Failure("store.io", `a file in quarantine ended at byte ${at}, it should have ${end}`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A whole short range in one buffer; the caller has bounded its length. */
export async function readShort(range: FileRange): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readRange(range)) pieces.push(piece);
  return Buffer.concat(pieces);
}
