import { liveupdateDialect } from "../../../src/core/model/source.ts";
import { bytesSource } from "../../../src/formats/archive/byte-source.ts";
import { writeZip } from "../../../src/formats/archive/write-zip.ts";
import { readZip } from "../../../src/formats/archive/zip.ts";
import { type IndexedPackage, packagesOf } from "../../../src/formats/liveupdate/dialect.ts";
import { indexTextBytes, readIndexText } from "../../../src/formats/liveupdate/index-text.ts";
import { indexName } from "../../../src/formats/liveupdate/names.ts";
import { type IndexReading, readIndex } from "../../../src/formats/liveupdate/read-index.ts";
import { writeIndex } from "../../../src/formats/liveupdate/write-index.ts";
import { writeIndexText } from "../../../src/formats/liveupdate/write-index-text.ts";
import type { Dice } from "../../fixtures/dice.ts";
import { modernTrust, vendorPki } from "../../upstream/liveupdate/pki.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const NOW = Date.UTC(2026, 10, 25);
const TEXT = 0;
const CONTAINER = 1;
/** Verifying a signature costs some hundred times what reading a text does. */
const CONTAINERS = 8;
const IDENTITY = { product: "Example Defs", version: "MicroDefsB.CurDefs", language: "SymAllLanguages" };
const DIALECT = liveupdateDialect.parse({});

const WORDS = [
  "[Package",
  "[LiveUpdateIndex]",
  "]",
  "Product=",
  "Version=",
  "Language=",
  "ItemSeqData=",
  "ItemSeqFrom=",
  "FileName=",
  "FileName=../up\n",
  "Size=",
  "SHA1=",
  "SHA256=",
  "URL=http://example.org/",
  "\r\n",
  "\r",
  "\n",
  "\0",
  "=",
  "é",
  "\ufeff",
];

interface Part {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function packages(edition: number): readonly IndexedPackage[] {
  return Array.from({ length: 1 + (edition % 3) }, (_, at) => ({
    identity: IDENTITY,
    item: "CurDefs",
    sequence: 20_261_000 + edition,
    from: at === 0 ? null : 20_261_000 + edition - at,
    file: `${1_769_904_000 + at}jtun.zip`,
    size: 1_000,
    sha1: null,
    sha256: "ab".repeat(32),
    urls: [],
  }));
}

/** What must be among the honest readings once every signature is good and nothing contradicts. */
function essence({ guard, packages: read }: IndexReading): string {
  return JSON.stringify([guard, read]);
}

export async function indexTarget(): Promise<FuzzTarget> {
  const pki = vendorPki(NOW);
  const trust = modernTrust(pki);
  const name = indexName(IDENTITY);
  const read = (bytes: Uint8Array): Promise<IndexReading> =>
    readIndex({ name, bytes, trust, dialect: DIALECT, now: NOW });
  const texts: Uint8Array[] = [];
  const containers: Uint8Array[] = [];
  const parts: (readonly Part[])[] = [];
  const honest = new Set<string>();
  for (let edition = 1; edition <= 6; edition += 1) {
    const lineEnd = edition % 2 === 0 ? "\n" : "\r\n";
    const sideFiles = packages(edition).map(({ file }) => ({ name: file, bytes: Buffer.from(`package ${edition}`) }));
    const listed = packages(edition).map((each) => ({ ...each, sha256: null }));
    const signer = edition === 6 ? pki.rogue : pki.leaf;
    const bytes = writeIndex({
      packages: listed,
      sideFiles,
      signer,
      at: NOW - edition * 1_000,
      legal: "Copyright",
      lineEnd,
    });
    texts.push(writeIndexText(packages(edition), { lineEnd }));
    containers.push(bytes);
    parts.push(await partsOf(bytes));
    const reading = await read(bytes);
    mustHold(reading.malformed === null && reading.contradictions.length === 0, "the corpus is not sound");
    if (edition !== 6) honest.add(essence(reading));
  }
  const container = (dice: Dice): Uint8Array =>
    dice.once(2)
      ? remade(dice, parts, texts)
      : mutate(dice, dice.pick(containers), { words: ["PK\u0001\u0002", "PK\u0003\u0004"], corpus: containers });
  return {
    input: (dice) =>
      dice.once(CONTAINERS)
        ? Buffer.concat([Buffer.from([CONTAINER]), container(dice)])
        : Buffer.concat([Buffer.from([TEXT]), mutate(dice, dice.pick(texts), { words: WORDS, corpus: texts })]),
    async run(input) {
      if (input[0] === TEXT) return runText(input.subarray(1));
      const reading = await read(input.subarray(1));
      if (reading.malformed !== null || reading.contradictions.length > 0) return false;
      mustHold(reading.signatures.length > 0, "read without a signature");
      if (reading.signatures.some(({ status }) => status !== "good")) return false;
      mustHold(honest.has(essence(reading)), "a good index that nobody signed");
      return true;
    },
  };
}

function runText(bytes: Uint8Array): boolean {
  const read = readIndexText(bytes);
  if ("malformed" in read) return false;
  mustHold(Buffer.from(indexTextBytes(read.text)).equals(bytes), "bytes were lost");
  const named = packagesOf(read.text, DIALECT);
  if ("malformed" in named) return false;
  for (const { size, sequence, sha256, file } of named.packages) {
    mustHold(size === null || Number.isSafeInteger(size), "a size that is no number");
    mustHold(sequence === null || Number.isSafeInteger(sequence), "a sequence that is no number");
    mustHold(sha256 === null || /^[0-9a-f]{64}$/.test(sha256), "a SHA-256 that is none");
    mustHold(file !== "", "a package without a file");
  }
  return true;
}

/** A container of the members of others, one of them changed: the archive is sound, and what is in it is not. */
function remade(dice: Dice, parts: readonly (readonly Part[])[], texts: readonly Uint8Array[]): Uint8Array {
  const own = dice.pick(parts);
  const place = dice.number(own.length + 1);
  const members = own.map((part, at): Part => {
    if (at !== place) return part;
    const other = dice.pick(parts)[at] ?? part;
    return dice.once(2) ? other : { ...part, bytes: mutate(dice, part.bytes, { words: WORDS, corpus: texts }) };
  });
  if (place === own.length)
    members.push({ name: dice.pick(["extra", "z.tri", "z.grd", "z.sig"]), bytes: dice.bytes(9) });
  return writeZip(members, NOW);
}

async function partsOf(bytes: Uint8Array): Promise<readonly Part[]> {
  const zip = await readZip(bytesSource(bytes), { members: 10, expandedBytes: 1_000_000, ratio: 1_000 });
  if (zip.kind !== "zip") throw new Error("the corpus is not sound");
  const parts: Part[] = [];
  for (const member of zip.members) {
    const pieces: Uint8Array[] = [];
    for await (const piece of zip.content(member)) pieces.push(piece);
    parts.push({ name: member.name, bytes: Buffer.concat(pieces) });
  }
  return parts;
}
