import type { FileHandle } from "node:fs/promises";
import { Failure } from "../../core/kernel/errors.ts";

/** Bytes that can be read at any place: a file that is open, or a buffer. */
export interface ByteSource {
  readonly size: number;
  /** Exactly `length` bytes from `offset` on, in a buffer that is not written to again. Throws `store.io` when there are fewer. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length): Promise<Uint8Array> {
      if (offset < 0 || length < 0 || offset + length > bytes.length) throw tooShort(offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** The first `size` bytes of an open file; the caller closes it. */
export function fileSource(handle: FileHandle, size: number): ByteSource {
  return {
    size,
    async read(offset, length): Promise<Uint8Array> {
      if (offset < 0 || length < 0 || offset + length > size) throw tooShort(offset, length, size);
      const buffer = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw tooShort(offset, length, offset + filled);
        filled += bytesRead;
      }
      return buffer;
    },
  };
}

function tooShort(offset: number, length: number, size: number): Failure {
  return new Failure("store.io", `${length} bytes at byte ${offset} were asked of a file of ${size} bytes`);
}
