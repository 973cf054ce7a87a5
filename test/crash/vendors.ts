import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { SourceSpecInput } from "../../src/core/model/source.ts";
import { FLAG_NAME, indexName } from "../../src/formats/liveupdate/names.ts";
import { writeIndex } from "../../src/formats/liveupdate/write-index.ts";
import { writePackage } from "../../src/formats/liveupdate/write-package.ts";
import { modernTrust, vendorPki } from "../upstream/liveupdate/pki.ts";
import { makeMinisignVendor, signMinisign } from "../upstream/signing.ts";

/** A vendor in a folder for the crash proof: every edition changes some of its files, and is remembered whole. */
export interface CrashVendor {
  readonly source: Pick<SourceSpecInput, "feed" | "trust" | "addresses">;
  /** The file whose digest tells which edition this is. */
  readonly index: string;
  /** The complete set of each edition: path → SHA-256. */
  readonly editions: readonly ReadonlyMap<string, string>[];
  /** Writes the next edition into the folder. */
  publish(): Promise<void>;
}

const FILES = 8;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes files in this order, the one that names the others last; gives what an edition is. */
async function put(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<ReadonlyMap<string, string>> {
  const set = new Map<string, string>();
  for (const [name, bytes] of files) {
    await writeFile(path.join(folder, name), bytes);
    set.set(name, sha256(bytes));
  }
  return set;
}

function directoryVendor(folder: string): CrashVendor {
  const keys = makeMinisignVendor();
  const editions: ReadonlyMap<string, string>[] = [];
  const born = Date.now() - 24 * 60 * 60 * 1_000;
  return {
    source: {
      feed: { format: "directory", list: { kind: "checksums" } },
      trust: { kind: "minisign", keys: [keys.publicKey] },
      addresses: [pathToFileURL(`${folder}/`).href],
    },
    index: "SHA256SUMS",
    editions,
    publish: async () => {
      const edition = editions.length + 1;
      const files = new Map<string, Uint8Array>();
      for (let index = 0; index < FILES; index += 1) {
        const made = index % 2 === 0 ? edition : Math.ceil(edition / 2);
        files.set(`f${index}.bin`, Buffer.from(`file ${index} of edition ${made}\n`.repeat(500 * (index + 1))));
      }
      const list = Buffer.from([...files].map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`).join(""));
      files.set("SHA256SUMS", list);
      files.set("SHA256SUMS.minisig", Buffer.from(signMinisign(keys, list, { signedAt: born + edition * 1_000 })));
      editions.push(await put(folder, files));
    },
  };
}

/** One product with a full package and one that does not change; the names of its packages change with each edition. */
function liveupdateVendor(folder: string): CrashVendor {
  const now = Date.now();
  const pki = vendorPki(now);
  const identity = { product: "Crash Definitions", version: "1.0", language: "SymAllLanguages" };
  const index = indexName(identity);
  const editions: ReadonlyMap<string, string>[] = [];
  const born = Math.floor(now / 1_000) * 1_000 - 24 * 60 * 60 * 1_000;
  const make = (edition: number, at: number): { readonly name: string; readonly bytes: Uint8Array } => ({
    name: `${Math.floor((born + edition * 1_000) / 1_000)}crash.zip`,
    bytes: writePackage({
      files: [{ name: "virscan.dat", bytes: Buffer.from(`edition ${edition}\n`.repeat(2_000)) }],
      signer: pki.leaf,
      at,
      legal: "Synthetic",
    }),
  });
  const first = make(0, born);
  return {
    source: {
      feed: { format: "liveupdate", index: { kind: "products", products: [identity] } },
      trust: modernTrust(pki),
      addresses: [pathToFileURL(`${folder}/`).href],
    },
    index,
    editions,
    publish: async () => {
      const edition = editions.length + 1;
      const at = born + edition * 1_000;
      const newest = make(edition, at);
      const packages = [first, newest].map(({ name, bytes }, place) => ({
        identity,
        item: place === 0 ? "Base" : "CurDefs",
        sequence: place === 0 ? 1 : edition,
        from: null,
        file: name,
        size: bytes.length,
        sha1: null,
        sha256: sha256(bytes),
        urls: [],
      }));
      const sideFiles = [first, newest];
      const container = writeIndex({ packages, sideFiles, signer: pki.leaf, at, legal: "Synthetic" });
      const files = new Map<string, Uint8Array>(sideFiles.map(({ name, bytes }) => [name, bytes]));
      files.set(index, container);
      files.set(FLAG_NAME, Buffer.from(" "));
      editions.push(await put(folder, files));
    },
  };
}

/** The vendors that the proof can be walked with. */
export const CRASH_VENDORS = { directory: directoryVendor, liveupdate: liveupdateVendor } as const;
export type CrashVendorName = keyof typeof CRASH_VENDORS;
