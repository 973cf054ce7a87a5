import { createHash } from "node:crypto";
import type { Accepted } from "../../../src/core/intake/judge-file.ts";
import { parseSha256, type Sha256 } from "../../../src/core/kernel/digest.ts";
import { Failure } from "../../../src/core/kernel/errors.ts";
import type { Instant } from "../../../src/core/kernel/instant.ts";
import type { BlobState, BlobStore, Landed, Landing, Quarantine } from "../../../src/core/ports.ts";

interface Blob {
  readonly bytes: Uint8Array;
  readonly admittedAt: Instant;
}

/** A quarantine and blobs in memory, for tests of the operations: what is admitted moves from one to the other. */
export class MemoryStore {
  readonly files = new Map<string, Uint8Array>();
  readonly stored = new Map<Sha256, Blob>();
  readonly quarantine: Quarantine = new MemoryQuarantine(this.files);
  readonly blobs: BlobStore;

  constructor(now: () => Instant) {
    this.blobs = new MemoryBlobs(this.files, this.stored, now);
  }
}

class MemoryQuarantine implements Quarantine {
  readonly #files: Map<string, Uint8Array>;
  readonly #held = new Map<string, { readonly bytes: Buffer; readonly note: string }>();
  readonly #notes = new Map<string, string>();
  #count = 0;

  constructor(files: Map<string, Uint8Array>) {
    this.#files = files;
  }

  async land(
    key: string,
    options: { readonly most: number; readonly resume: boolean; readonly sha512: boolean },
  ): Promise<Landing> {
    const held = this.#held.get(key);
    this.#held.delete(key);
    const usable = options.resume && held !== undefined && held.bytes.length <= options.most ? held : null;
    this.#notes.set(key, usable?.note ?? "");
    this.#count += 1;
    const finish = (bytes: Buffer): Landed => {
      const file = `memory-${this.#count}.part`;
      this.#count += 1;
      this.#files.set(file, bytes);
      const sha512 = options.sha512 ? createHash("sha512").update(bytes).digest("hex") : null;
      return { file, size: bytes.length, sha256: sha256Of(bytes), sha512 };
    };
    const keep = (bytes: Buffer): void => {
      this.#held.set(key, { bytes, note: this.#notes.get(key) ?? "" });
      this.#notes.delete(key);
    };
    return new MemoryLanding(usable?.bytes ?? Buffer.alloc(0), options.most, finish, keep);
  }

  async held(key: string): Promise<{ readonly size: number; readonly note: string } | null> {
    const held = this.#held.get(key);
    return held === undefined ? null : { size: held.bytes.length, note: held.note };
  }

  async note(key: string, note: string): Promise<void> {
    const held = this.#held.get(key);
    if (held !== undefined) this.#held.set(key, { ...held, note });
    else this.#notes.set(key, note);
  }

  async discard(file: string): Promise<void> {
    this.#files.delete(file);
  }

  async sweep(keepSince: Instant): Promise<void> {
    if (keepSince === Number.POSITIVE_INFINITY) this.#held.clear();
  }
}

class MemoryLanding implements Landing {
  #bytes: Buffer;
  readonly #most: number;
  readonly #finish: (bytes: Buffer) => Landed;
  readonly #keep: (bytes: Buffer) => void;
  #failure: Failure | null = null;
  #over = false;

  constructor(bytes: Buffer, most: number, finish: (bytes: Buffer) => Landed, keep: (bytes: Buffer) => void) {
    this.#bytes = bytes;
    this.#most = most;
    this.#finish = finish;
    this.#keep = keep;
  }

  get size(): number {
    return this.#bytes.length;
  }

  write(piece: Uint8Array): boolean {
    if (this.#failure === null && this.size + piece.length > this.#most) {
      this.#failure = new Failure("upstream.over-cap", `more than ${this.#most} bytes`);
    }
    if (this.#failure !== null) throw this.#failure;
    this.#bytes = Buffer.concat([this.#bytes, piece]);
    return true;
  }

  async ready(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
  }

  async finish(): Promise<Landed> {
    if (this.#over) throw new Error("the landing is over");
    this.#over = true;
    if (this.#failure !== null) throw this.#failure;
    return this.#finish(this.#bytes);
  }

  async abandon(keep: boolean): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    if (keep && this.#failure === null && this.size > 0) this.#keep(this.#bytes);
  }
}

class MemoryBlobs implements BlobStore {
  readonly #files: Map<string, Uint8Array>;
  readonly #stored: Map<Sha256, Blob>;
  readonly #now: () => Instant;

  constructor(files: Map<string, Uint8Array>, stored: Map<Sha256, Blob>, now: () => Instant) {
    this.#files = files;
    this.#stored = stored;
    this.#now = now;
  }

  async admit({ file, sha256, size }: Accepted): Promise<void> {
    const held = this.#stored.get(sha256);
    const bytes = held?.bytes.length === size ? held.bytes : this.#files.get(file);
    if (bytes?.length !== size) throw new Failure("store.damaged", "not the file that was judged");
    this.#files.delete(file);
    this.#stored.set(sha256, { bytes, admittedAt: this.#now() });
  }

  async settle(): Promise<void> {}

  async sizeOf(sha256: Sha256): Promise<number | null> {
    return this.#stored.get(sha256)?.bytes.length ?? null;
  }

  async check(sha256: Sha256, size: number): Promise<BlobState> {
    const held = this.#stored.get(sha256);
    if (held === undefined) return "missing";
    return held.bytes.length === size && sha256Of(held.bytes) === sha256 ? "whole" : "damaged";
  }

  async remove(sha256: Sha256): Promise<void> {
    this.#stored.delete(sha256);
  }

  async *list(): AsyncIterable<{ readonly sha256: Sha256; readonly size: number; readonly admittedAt: Instant }> {
    for (const [sha256, { bytes, admittedAt }] of this.#stored) yield { sha256, size: bytes.length, admittedAt };
  }

  async freeBytes(): Promise<number> {
    return 1e12;
  }
}

function sha256Of(bytes: Uint8Array): Sha256 {
  const digest = parseSha256(createHash("sha256").update(bytes).digest("hex"));
  if (digest === null) throw new Error("a SHA-256 that is none");
  return digest;
}
