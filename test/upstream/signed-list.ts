import { createHash } from "node:crypto";
import type { SourceSpecInput } from "../../src/core/model/source.ts";
import type { HttpVendor } from "./http-vendor.ts";
import { type MinisignVendor, makeMinisignVendor, signMinisign } from "./signing.ts";

/** A vendor that publishes a checksum list with a minisign signature, below one folder of an HTTP vendor. */
export class SignedListVendor {
  readonly keys: MinisignVendor = makeMinisignVendor();
  readonly #http: HttpVendor;
  readonly #folder: string;

  constructor(http: HttpVendor, folder: string) {
    this.#http = http;
    this.#folder = folder;
  }

  /** Offers these files, signed at that time, and nothing else. `listed` overrides what the list says, line by line. */
  publish(files: ReadonlyMap<string, Uint8Array>, signedAt: number, listed?: readonly string[]): void {
    for (const path of this.#http.files.keys()) if (path.startsWith(`/${this.#folder}/`)) this.#http.files.delete(path);
    for (const [name, body] of files) this.put(name, body, signedAt);
    const lines = listed ?? [...files].map(([name, body]) => listLine(name, body));
    const list = Buffer.from(lines.join(""));
    this.put("SHA256SUMS", list, signedAt);
    this.put("SHA256SUMS.minisig", Buffer.from(signMinisign(this.keys, list, { signedAt })), signedAt);
  }

  /** Puts one file there behind the list's back. */
  put(name: string, body: Uint8Array, modified: number): void {
    const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
    this.#http.files.set(`/${this.#folder}/${name}`, { body, lastModified: new Date(modified).toUTCString(), etag });
  }

  source(more: Partial<SourceSpecInput> = {}): SourceSpecInput {
    return {
      name: this.#folder,
      feed: { format: "directory", list: { kind: "checksums" } },
      addresses: [`${this.#http.url}/${this.#folder}/`],
      trust: { kind: "minisign", keys: [this.keys.publicKey] },
      schedule: "manual",
      ...more,
    };
  }
}

/** A line of SHA256SUMS. */
export function listLine(name: string, body: Uint8Array): string {
  return `${createHash("sha256").update(body).digest("hex")}  ${name}\n`;
}
