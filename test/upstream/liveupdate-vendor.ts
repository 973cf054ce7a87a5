import { createHash } from "node:crypto";
import type { Instant } from "../../src/core/kernel/instant.ts";
import type { LiveupdateTrust, SourceSpecInput } from "../../src/core/model/source.ts";
import type { IndexedPackage } from "../../src/formats/liveupdate/dialect.ts";
import { FLAG_NAME, FULL_INDEX, indexName } from "../../src/formats/liveupdate/names.ts";
import { writeIndex } from "../../src/formats/liveupdate/write-index.ts";
import type { VendorFile } from "./http-vendor.ts";
import {
  digestHex,
  type Forgery,
  type Manner,
  makeIndex,
  makePackage,
  type NamedBytes,
  noise,
} from "./liveupdate/parts.ts";
import { modernTrust, OLD_DAYS, oldTrust, type VendorPki, vendorPki } from "./liveupdate/pki.ts";
import { deltaPayload, PRODUCTS, payload, type VendorProduct } from "./liveupdate/products.ts";

interface LiveupdateVendorOptions {
  /** Its clock's end: the newest revision that it will ever make lies before. The real time where left out. */
  readonly now?: Instant;
  /** Revisions that it has behind it at the start. */
  readonly revision?: number;
  /** Bytes of a full package's payload. */
  readonly bytes?: number;
  /** Keys of the products that it has; all of them where left out. */
  readonly products?: readonly string[];
}

/** Three revisions a day. */
const STEP = 8 * 60 * 60 * 1_000;
/** A vendor's life lies in these revisions: the last is an hour old. */
const LIFE = 40;
/** Editions whose files stay behind when no index names them any longer. */
const LEFT_BEHIND = 2;

/**
 * A LiveUpdate vendor in a box: what the public record says of the format (liveupdate.md 2), made of keys and names of
 * our own. It publishes three revisions a day, and forges whatever a test wants to see refused.
 */
export class LiveupdateVendor {
  readonly pki: VendorPki;
  readonly products: readonly VendorProduct[];
  revision: number;
  /** What it offers, by path without a leading slash. */
  readonly files: Map<string, Uint8Array> = new Map();
  readonly #bytes: number;
  readonly #start: Instant;
  readonly #times = new Map<string, Instant>();
  #puts = 0;
  readonly #shelves: { readonly files: Map<string, VendorFile>; readonly prefix: string }[] = [];

  constructor(options: LiveupdateVendorOptions = {}) {
    const now = options.now ?? Date.now();
    this.pki = vendorPki(now);
    this.products = PRODUCTS.filter(({ key }) => options.products?.includes(key) ?? true);
    this.revision = options.revision ?? 3;
    this.#bytes = options.bytes ?? 40_000;
    this.#start = now - 60 * 60 * 1_000 - LIFE * STEP;
    this.#build();
  }

  /** When it published a revision. */
  at(revision: number = this.revision): Instant {
    return Math.floor((this.#start + revision * STEP) / 1_000) * 1_000;
  }

  /** Publishes the next revisions, one after the other. */
  advance(times = 1): void {
    for (let time = 0; time < times; time += 1) {
      this.revision += 1;
      if (this.revision > LIFE) throw new Error(`the vendor's life has ${LIFE} revisions`);
      this.#build();
    }
  }

  /** The product that tests call so. */
  product(key: string): VendorProduct {
    const found = this.products.find((product) => product.key === key);
    if (found === undefined) throw new Error(`the vendor has no ${key}`);
    return found;
  }

  indexPath(key: string): string {
    const { folder, identity } = this.product(key);
    return folder + indexName(identity);
  }

  /** The paths of a product's side files that its index names now. */
  sideFiles(key: string): readonly string[] {
    const product = this.product(key);
    return this.#edition(product).sideFiles.map(({ name }) => product.folder + name);
  }

  /** Side files that no index names any longer. */
  orphans(): readonly string[] {
    const named = new Set(this.products.flatMap(({ key }) => this.sideFiles(key)));
    return [...this.files.keys()].filter((path) => /(?:^|\/)\d{10}/.test(path) && !named.has(path));
  }

  /** The sequence that a product's packages lead to. */
  sequence(key: string, revision: number = this.revision): number {
    const product = this.product(key);
    return sequenceAt(this.at(this.#newest(product, revision)));
  }

  /** What a client that is updated to a revision has installed of a product. */
  installed(key: string, revision: number = this.revision): readonly NamedBytes[] {
    const product = this.product(key);
    return payload(product, this.#newest(product, revision), this.#bytes);
  }

  /** An index as it stands, or of an earlier revision, or forged. */
  index(key: string, forgery: Forgery = {}, revision: number = this.revision): Uint8Array {
    const product = this.product(key);
    const { packages, sideFiles } = this.#edition(product, revision);
    return makeIndex(packages, sideFiles, this.#manner(product, revision), forgery);
  }

  /** Puts a forged index in its product's place; the side files stay. */
  forge(key: string, forgery: Forgery): void {
    this.put(this.indexPath(key), this.index(key, forgery));
  }

  /** Forges the product's newest full package and lists it honestly: whoever holds the signing key can do that. */
  forgePackage(key: string, forgery: Forgery, files?: readonly NamedBytes[]): void {
    const product = this.product(key);
    const edition = this.#edition(product);
    const manner = this.#manner(product);
    const [full] = edition.packages;
    if (full === undefined) throw new Error("no package");
    const content = files ?? payload(product, this.#newest(product), this.#bytes);
    const bytes = makePackage(content, manner, forgery);
    const listed = { ...full, size: bytes.length, ...digests(bytes, product.legacy) };
    const sideFiles = edition.sideFiles.map((file) => (file.name === full.file ? { ...file, bytes } : file));
    this.put(product.folder + full.file, bytes);
    const packages = edition.packages.map((entry) => (entry === full ? listed : entry));
    this.put(this.indexPath(key), makeIndex(packages, sideFiles, manner));
  }

  /** Offers bytes under a path behind everybody's back. */
  put(path: string, bytes: Uint8Array): void {
    // Each a second later: over FTP the time is all that says that a file has changed.
    this.#puts += 1;
    this.#put(path, bytes, this.at() + this.#puts * 1_000);
    this.#stock();
  }

  remove(path: string): void {
    this.files.delete(path);
    this.#times.delete(path);
    this.#stock();
  }

  /** Keeps the files of an HTTP or FTP vendor like its own, below a prefix ("/lu/" over HTTP, "lu/" over FTP). */
  attach(files: Map<string, VendorFile>, prefix: string): void {
    this.#shelves.push({ files, prefix });
    this.#stock();
  }

  /** What a source trusts that takes today's products. */
  trust(): LiveupdateTrust {
    return modernTrust(this.pki);
  }

  /** What a source of the SHA-1 set trusts, and with "modern" one of the catalog. */
  oldTrust(profile: LiveupdateTrust["profile"]): LiveupdateTrust {
    return oldTrust(this.pki, profile);
  }

  /** A feed of all of today's products. */
  feed(): Extract<SourceSpecInput["feed"], { readonly format: "liveupdate" }> {
    const products = this.products
      .filter(({ legacy }) => !legacy)
      .map(({ identity, folder }) => ({ ...identity, folder }));
    return { format: "liveupdate", index: { kind: "products", products } };
  }

  /** A source of it. */
  source(name: string, addresses: readonly string[], more: Partial<SourceSpecInput> = {}): SourceSpecInput {
    return { name, feed: this.feed(), addresses: [...addresses], trust: this.trust(), schedule: "manual", ...more };
  }

  /** The revision in which a product last moved. */
  #newest({ every }: VendorProduct, revision: number = this.revision): number {
    return every === 0 ? 0 : revision - (revision % every);
  }

  #manner(product: VendorProduct, revision: number = this.revision): Manner {
    const { leaf, authority, old } = this.pki;
    const { members, lineEnd, legacy } = product;
    if (legacy)
      return {
        members,
        lineEnd,
        digests: ["sha1"],
        signer: old.leaf,
        embed: [old.leaf.certificate, old.authority],
        digest: "sha1",
        at: OLD_DAYS,
      };
    const at = this.at(this.#newest(product, revision));
    return {
      members,
      lineEnd,
      digests: ["sha1", "sha256"],
      signer: leaf,
      embed: [leaf.certificate, authority],
      digest: "sha256",
      at,
    };
  }

  readonly #packages = new Map<string, Uint8Array>();

  /** Signatures are made once: a side file is the same bytes in every index that names it. */
  #package(product: VendorProduct, name: string, edition: number, from: number | null, ending: string): Uint8Array {
    const path = product.folder + name;
    const known = this.#packages.get(path);
    if (known !== undefined) return known;
    const files =
      from === null ? payload(product, edition, this.#bytes) : deltaPayload(product, from, edition, this.#bytes);
    const made = ending === ".zip" ? makePackage(files, this.#manner(product, edition)) : noise(path, 5_000);
    this.#packages.set(path, made);
    return made;
  }

  #edition(
    product: VendorProduct,
    revision: number = this.revision,
  ): { readonly packages: readonly IndexedPackage[]; readonly sideFiles: readonly NamedBytes[] } {
    const newest = this.#newest(product, revision);
    const at = product.legacy ? OLD_DAYS : this.at(newest);
    const epoch = String(Math.floor(at / 1_000)).padStart(10, "0");
    const steps = Array.from({ length: product.deltas }, (_, back) => newest - (back + 1) * product.every);
    const from = [null, ...steps.filter((edition) => edition >= 0)];
    const made = product.endings.flatMap((ending) =>
      from.map((edition) => {
        const name = `${epoch}${product.stem}${edition === null ? "" : `_from${edition}`}${ending}`;
        return { name, edition, bytes: this.#package(product, name, newest, edition, ending) };
      }),
    );
    const packages = made.map(({ name, edition, bytes }) => ({
      identity: product.identity,
      item: product.item,
      sequence: sequenceAt(at),
      from: edition === null ? null : sequenceAt(this.at(edition)),
      file: name,
      size: bytes.length,
      ...digests(bytes, product.legacy),
      urls: [],
    }));
    return { packages, sideFiles: made.map(({ name, bytes }) => ({ name, bytes })) };
  }

  /** The whole tree as of the present revision, with what the editions before left behind. */
  #build(): void {
    this.files.clear();
    this.#times.clear();
    this.#put(FLAG_NAME, Buffer.from(" "), this.at());
    for (const product of this.products) {
      for (let back = Math.min(LEFT_BEHIND, this.revision); back >= 0; back -= 1) {
        const revision = this.revision - back;
        for (const { name, bytes } of this.#edition(product, revision).sideFiles)
          this.#put(product.folder + name, bytes, this.at(this.#newest(product, revision)));
      }
      this.#put(this.indexPath(product.key), this.#plainIndex(product), this.at(this.#newest(product)));
    }
    this.#put("1386431813left_behind.zip", noise("left behind", 3_000), this.at(0));
    this.#put(FULL_INDEX, this.#fullIndex(), this.at());
    this.#put("SymantecProductCatalog.zip", this.catalog(), OLD_DAYS);
    this.#put("example.jdb", this.daily(), this.at());
    this.#stock();
  }

  readonly #indexes = new Map<string, Uint8Array>();

  /** The first product's index is of the product's own writers, the others are put together here. */
  #plainIndex(product: VendorProduct): Uint8Array {
    const newest = this.#newest(product);
    const known = this.#indexes.get(`${product.key} ${newest}`);
    if (known !== undefined) return known;
    const { packages, sideFiles } = this.#edition(product);
    const { leaf, authority } = this.pki;
    const made =
      product.key === "definitions"
        ? writeIndex({
            packages,
            sideFiles,
            signer: leaf,
            embed: [leaf.certificate, authority],
            at: this.at(newest),
            legal: "Synthetic",
          })
        : this.index(product.key);
    this.#indexes.set(`${product.key} ${newest}`, made);
    return made;
  }

  /** The old index of everything that lies in the root. */
  #fullIndex(): Uint8Array {
    const editions = this.products.filter(({ folder }) => folder === "").map((product) => this.#edition(product));
    const [first] = this.products;
    if (first === undefined) throw new Error("a vendor without products");
    return makeIndex(
      editions.flatMap(({ packages }) => packages),
      editions.flatMap(({ sideFiles }) => sideFiles),
      { ...this.#manner(first), members: ["liveupdt.tri", "liveupdt.grd", "liveupdt.sig"], at: this.at() },
    );
  }

  /** The catalog of products: of the expired chain, its guard says 2008. */
  catalog(forgery: Forgery = {}): Uint8Array {
    const { leaf, authority } = this.pki.old;
    const list = this.products.map(({ identity }) => `${Object.values(identity).join(";")}\n`).join("");
    return makePackage(
      [{ name: "catalog.txt", bytes: Buffer.from(list) }],
      {
        members: ["", "", ""],
        lineEnd: "\r\n",
        digests: ["sha1", "sha256"],
        signer: leaf,
        embed: [leaf.certificate, authority],
        digest: "sha256",
        at: OLD_DAYS,
      },
      forgery,
    );
  }

  /** The `.jdb` of a revision. */
  daily(forgery: Forgery = {}, revision: number = this.revision): Uint8Array {
    const { leaf, authority } = this.pki;
    return makePackage(
      [{ name: "virscan.bin", bytes: noise(`jdb ${revision}`, 8_000) }],
      {
        members: ["", "", ""],
        lineEnd: "\n",
        digests: ["sha1", "sha256"],
        signer: leaf,
        embed: [leaf.certificate, authority],
        digest: "sha256",
        at: this.at(revision),
      },
      forgery,
    );
  }

  #put(path: string, bytes: Uint8Array, modified: Instant): void {
    this.files.set(path, bytes);
    this.#times.set(path, modified);
  }

  #stock(): void {
    for (const { files, prefix } of this.#shelves) {
      for (const path of files.keys())
        if (path.startsWith(prefix) && !this.files.has(path.slice(prefix.length))) files.delete(path);
      for (const [path, body] of this.files) {
        if (files.get(prefix + path)?.body === body) continue;
        const lastModified = new Date(this.#times.get(path) ?? 0).toUTCString();
        const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
        files.set(prefix + path, { body, lastModified, etag });
      }
    }
  }
}

export function makeLiveupdateVendor(options: LiveupdateVendorOptions = {}): LiveupdateVendor {
  return new LiveupdateVendor(options);
}

function digests(bytes: Uint8Array, legacy: boolean): { readonly sha1: string; readonly sha256: string | null } {
  return { sha1: digestHex("sha1", bytes), sha256: legacy ? null : digestHex("sha256", bytes) };
}

/** YYMMDDRRR: the day and which of its revisions. */
function sequenceAt(at: Instant): number {
  const time = new Date(at);
  const [year = "", month = "", day = ""] = time.toISOString().slice(2, 10).split("-");
  return Number(`${year}${month}${day}${String(Math.floor(time.getUTCHours() / 8) + 1).padStart(3, "0")}`);
}
