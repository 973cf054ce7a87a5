import type { Identity } from "../../../src/formats/liveupdate/names.ts";
import { type NamedBytes, noise } from "./parts.ts";

/** One product of the vendor, and how it is written. */
export interface VendorProduct {
  /** What tests call it. */
  readonly key: string;
  readonly identity: Identity;
  /** Below the root, with "/" at its end. */
  readonly folder: string;
  readonly item: string;
  /** What its side files are called behind their ten digits. */
  readonly stem: string;
  /** Endings of its side files: `.zip` are packages of files with an inner guard, others just bytes. */
  readonly endings: readonly string[];
  /** It moves with every so many revisions of the vendor; 0: never. */
  readonly every: number;
  /** From how many editions back a delta leads to the newest. */
  readonly deltas: number;
  readonly lineEnd: "\n" | "\r\n";
  readonly members: readonly [string, string, string];
  /** The SHA-1 set under the expired root. */
  readonly legacy: boolean;
}

const ORDINARY: readonly [string, string, string] = ["Liveupdt.tri", "Liveupdt.grd", "Liveupdt.sig"];
const ALL = "SymAllLanguages";

/** Five products of today and one of old: spaces, a language, two versions, a sub-folder, every ending on record. */
export const PRODUCTS: readonly VendorProduct[] = [
  {
    key: "definitions",
    identity: { product: "Example AV Definitions", version: "1.0", language: ALL },
    folder: "",
    item: "CurDefs",
    stem: "example_curdefs",
    endings: [".zip"],
    every: 1,
    deltas: 3,
    lineEnd: "\n",
    members: ORDINARY,
    legacy: false,
  },
  {
    key: "definitions-2",
    identity: { product: "Example AV Definitions", version: "2.0", language: ALL },
    folder: "",
    item: "CurDefs",
    stem: "example2_curdefs",
    endings: [".zip"],
    every: 3,
    deltas: 1,
    lineEnd: "\r\n",
    members: ["LIVEUPDT.TRI", "LIVEUPDT.GRD", "LIVEUPDT.SIG"],
    legacy: false,
  },
  {
    key: "client-english",
    identity: { product: "Automatic Example", version: "3.3.0.102", language: "English" },
    folder: "",
    item: "Client",
    stem: "exlu33",
    endings: [".exe", ".x86"],
    every: 0,
    deltas: 0,
    lineEnd: "\r\n",
    members: ["liveupdt.tri", "LiveUpdt.GRD", "liveupdt.Sig"],
    legacy: false,
  },
  {
    key: "client-portuguese",
    identity: { product: "Automatic Example", version: "3.0.0.154", language: "Portuguese" },
    folder: "",
    item: "Client",
    stem: "exlu30pt",
    endings: [".m26", ".zip"],
    every: 0,
    deltas: 0,
    lineEnd: "\r\n",
    members: ORDINARY,
    legacy: false,
  },
  {
    key: "streaming",
    identity: { product: "Example 2009 Streaming Virus Definitions", version: "1.0", language: ALL },
    folder: "streaming/",
    item: "Stream",
    stem: "jtun_streamset",
    endings: [".zip"],
    every: 3,
    deltas: 2,
    lineEnd: "\n",
    members: ["Liveupdt.TRI", "Liveupdt.grd", "Liveupdt.sig"],
    legacy: false,
  },
  {
    key: "legacy",
    identity: { product: "Example Legacy Definitions", version: "4.0", language: "English" },
    folder: "legacy/",
    item: "CurDefs",
    stem: "exleg40",
    endings: [".zip", ".x86"],
    every: 0,
    deltas: 0,
    lineEnd: "\r\n",
    members: ORDINARY,
    legacy: true,
  },
];

const BLOCKS = 8;

/** What a product's package installs: each edition changes one of eight blocks, and the rest stays. */
export function payload(product: VendorProduct, edition: number, bytes: number): readonly NamedBytes[] {
  const blocks = Array.from({ length: BLOCKS }, (_, block) => ({
    name: `defs/block${block}.bin`,
    bytes: noise(`${product.key} ${block} ${lastChange(block, edition)}`, Math.ceil(bytes / BLOCKS)),
  }));
  return [...blocks, ...around(product, edition)];
}

/** Only what changed behind the edition `from`: laid over its payload it makes the whole. */
export function deltaPayload(
  product: VendorProduct,
  from: number,
  edition: number,
  bytes: number,
): readonly NamedBytes[] {
  const before = new Map(payload(product, from, bytes).map((file) => [file.name, file.bytes]));
  return payload(product, edition, bytes).filter(
    (file) => !Buffer.from(file.bytes).equals(before.get(file.name) ?? Buffer.alloc(0)),
  );
}

function lastChange(block: number, edition: number): number {
  return edition - ((((edition - block) % BLOCKS) + BLOCKS) % BLOCKS);
}

function around(product: VendorProduct, edition: number): readonly NamedBytes[] {
  return [
    { name: "version.txt", bytes: Buffer.from(`${product.identity.product} edition ${edition}\n`) },
    // A package of the real vendor carries a script for its own client: nothing of ours may ever run it.
    { name: "install.dis", bytes: Buffer.from("DUMMY: nothing runs this\r\n") },
  ];
}
