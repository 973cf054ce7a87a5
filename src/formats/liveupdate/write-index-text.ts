import type { LiveupdateDialect } from "../../core/model/source.ts";
import type { IndexedPackage } from "./dialect.ts";
import { oneLine } from "./write-guard.ts";

export interface IndexTextOptions {
  readonly lineEnd?: "\n" | "\r\n";
}

/** The keys that a source's dialect has where its configuration says nothing: our own, and nobody else's. */
const KEYS = {
  product: "Product",
  version: "Version",
  language: "Language",
  item: "ItemSeqName",
  from: "ItemSeqFrom",
  sequence: "ItemSeqData",
  file: "FileName",
  size: "Size",
  sha1: "SHA1",
  sha256: "SHA256",
} as const satisfies Partial<Record<keyof LiveupdateDialect, string>>;

/**
 * An index text (`.tri`) in our own dialect. The vendor's grammar is undocumented: no client but ours is promised to read
 * this. Throws `config.invalid` where a value does not fit on a line.
 */
export function writeIndexText(
  packages: readonly IndexedPackage[],
  { lineEnd = "\n" }: IndexTextOptions = {},
): Uint8Array {
  const lines = ["[LiveUpdateIndex]", "Dialect=ringfort-1", ...packages.flatMap(packageLines)];
  return Buffer.from(lines.map((line) => line + lineEnd).join(""), "utf8");
}

function packageLines({ identity, urls, ...rest }: IndexedPackage, at: number): readonly string[] {
  const values: Readonly<Record<keyof typeof KEYS, string | number | null>> = { ...identity, ...rest };
  const lines = [`[Package${at + 1}]`];
  for (const field of Object.keys(KEYS) as (keyof typeof KEYS)[]) {
    const value = values[field];
    if (value !== null) lines.push(`${KEYS[field]}=${oneLine(String(value))}`);
  }
  return [...lines, ...urls.map((url) => `URL=${oneLine(url)}`)];
}
