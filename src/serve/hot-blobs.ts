import type { Sha256 } from "../core/kernel/digest.ts";
import { Recent } from "./recent.ts";

/** The largest blob that is kept, and the bytes of all that are: those that clients are being sent among them. */
const MOST_BYTES = 2 * 1024 * 1024;
const BUDGET = 32 * 1024 * 1024;
/** Blobs whose first request is remembered. */
const MOST_ASKED = 1_024;

interface Hot {
  readonly bytes: Uint8Array;
  users: number;
}

/**
 * Blobs of middle size that are asked for again and again, kept whole. What is in use stays until it is given back, and
 * counts: clients that read slowly cannot make the memory grow, they only keep others of these from being kept.
 */
export class HotBlobs {
  readonly #asked = new Recent<Sha256, true>(MOST_ASKED);
  /** The one used longest ago first. */
  readonly #kept = new Map<Sha256, Hot>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** All of a blob that is kept; give it back. */
  take(sha256: Sha256): Uint8Array | null {
    const hot = this.#kept.get(sha256);
    if (hot === undefined) return null;
    this.#kept.delete(sha256);
    this.#kept.set(sha256, hot);
    hot.users += 1;
    return hot.bytes;
  }

  give(sha256: Sha256): void {
    const hot = this.#kept.get(sha256);
    if (hot !== undefined) hot.users -= 1;
  }

  /** Whether a blob that is not kept is worth it: asked for once before, and there is room. */
  wants(sha256: Sha256, size: number): boolean {
    if (size > MOST_BYTES) return false;
    const again = this.#asked.get(sha256) === true;
    this.#asked.put(sha256, true);
    return again && this.#makeRoom(size);
  }

  /** Keeps all of a blob that was wanted, and lends it. `false`: others took the room, or had the same thought. */
  keep(sha256: Sha256, bytes: Uint8Array): boolean {
    if (this.#kept.has(sha256) || !this.#makeRoom(bytes.length)) return false;
    this.#kept.set(sha256, { bytes, users: 1 });
    this.#bytes += bytes.length;
    return true;
  }

  #makeRoom(size: number): boolean {
    for (const [sha256, { bytes, users }] of this.#kept) {
      if (this.#bytes + size <= BUDGET) return true;
      if (users > 0) continue;
      this.#kept.delete(sha256);
      this.#bytes -= bytes.length;
    }
    return this.#bytes + size <= BUDGET;
  }
}
