import { createHash, type Hash } from "node:crypto";
import { parseSha256, type Sha256 } from "../core/kernel/digest.ts";
import type { OpenFile } from "./open-file.ts";

/** The digests of a file so far, with its size. */
export class RunningDigest {
  size = 0;
  readonly #sha256: Hash = createHash("sha256");
  readonly #sha512: Hash | null;

  constructor(sha512: boolean) {
    this.#sha512 = sha512 ? createHash("sha512") : null;
  }

  update(piece: Uint8Array): void {
    this.#sha256.update(piece);
    this.#sha512?.update(piece);
    this.size += piece.length;
  }

  /** Takes in the first `size` bytes of a file; `false` when it has fewer. */
  async read(file: OpenFile, buffer: Buffer, size: number): Promise<boolean> {
    while (this.size < size) {
      const bytesRead = await file.read(buffer, Math.min(buffer.length, size - this.size), this.size);
      if (bytesRead === 0) return false;
      this.update(buffer.subarray(0, bytesRead));
    }
    return true;
  }

  sha256(): Sha256 {
    const digest = parseSha256(this.#sha256.copy().digest("hex"));
    if (digest === null) throw new Error("a SHA-256 that is none");
    return digest;
  }

  sha512(): string | null {
    return this.#sha512?.copy().digest("hex") ?? null;
  }
}
