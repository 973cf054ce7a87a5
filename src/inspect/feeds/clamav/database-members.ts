import { createHash, type Hash } from "node:crypto";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { FlatTarSink } from "../../../formats/archive/flat-tar.ts";
import type { ListedMember } from "./database-info.ts";

/**
 * Takes the members of a database as they are unpacked: it keeps their sizes and digests, and of their bytes only the
 * `.info` member's. More than one `.info` is a fault: which one a client reads would depend on the client.
 */
export class DatabaseMembers implements FlatTarSink {
  readonly #members = new Map<string, ListedMember>();
  #name = "";
  #size = 0;
  #hash: Hash = createHash("sha256");
  #infoName: string | null = null;
  #infoPieces: Buffer[] = [];
  #fault: string | null = null;

  get fault(): string | null {
    return this.#fault;
  }

  /** Every member but the `.info`. */
  get members(): ReadonlyMap<string, ListedMember> {
    return this.#members;
  }

  get info(): { readonly name: string; readonly bytes: Uint8Array } | null {
    return this.#infoName === null ? null : { name: this.#infoName, bytes: Buffer.concat(this.#infoPieces) };
  }

  begin(name: string, size: number): void {
    this.#name = name;
    this.#size = size;
    this.#hash = createHash("sha256");
    if (!isInfo(name)) return;
    if (this.#infoName !== null) this.#fault ??= "more than one .info member";
    if (size > LIMITS.databaseInfoBytes)
      this.#fault ??= `the .info member is larger than ${LIMITS.databaseInfoBytes} bytes`;
    this.#infoName ??= name;
  }

  data(piece: Uint8Array): void {
    if (this.#fault !== null) return;
    // A copy: the piece is part of a buffer of the unpacker, which the whole archive would be held by.
    if (isInfo(this.#name)) this.#infoPieces.push(Buffer.from(piece));
    else this.#hash.update(piece);
  }

  end(): void {
    if (!isInfo(this.#name)) this.#members.set(this.#name, { size: this.#size, sha256: this.#hash.digest("hex") });
  }
}

// Clients look for ".info" anywhere in the name, in either case: so a name that has it elsewhere counts as one too.
function isInfo(name: string): boolean {
  return name.toLowerCase().includes(".info");
}
