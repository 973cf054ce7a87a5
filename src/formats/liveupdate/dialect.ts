import { quoteOutside } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import type { LiveupdateDialect } from "../../core/model/source.ts";
import type { IndexText } from "./index-text.ts";
import { type Identity, indexName, matchesPattern } from "./names.ts";

/** One package as an index text describes it. Digests are hexadecimal in lower case. */
export interface IndexedPackage {
  readonly identity: Identity;
  /** Which content of the product the sequence counts; "" when the text does not say. */
  readonly item: string;
  /** What the package brings a client to, and for a delta what it starts from. */
  readonly sequence: number | null;
  readonly from: number | null;
  /** Its name beside the index, as it stands there: not yet known to be safe. */
  readonly file: string;
  /** Bytes. */
  readonly size: number | null;
  readonly sha1: string | null;
  readonly sha256: string | null;
  /** Locations elsewhere. They are kept for showing and never followed: the addresses are the operator's to choose. */
  readonly urls: readonly string[];
}

type Field = Exclude<keyof LiveupdateDialect, "section">;
type Fields = ReadonlyMap<string, readonly string[]>;

/** The packages of an index text, read as the dialect says. What a section says twice is malformed: which would count? */
export function packagesOf(
  text: IndexText,
  dialect: LiveupdateDialect,
): { readonly packages: readonly IndexedPackage[] } | { readonly malformed: string } {
  const packages: IndexedPackage[] = [];
  for (const { name, entries } of text.sections) {
    if (!matchesPattern(dialect.section, name)) continue;
    if (packages.length >= LIMITS.indexPackages)
      return { malformed: `the index text describes more than ${LIMITS.indexPackages} packages` };
    const fields = new Map<string, string[]>();
    for (const { key, value } of entries) {
      const values = fields.get(key.toLowerCase());
      if (values === undefined) fields.set(key.toLowerCase(), [value]);
      else values.push(value);
    }
    const read = packageOf(fields, dialect);
    if (typeof read === "string") return { malformed: `[${quoteOutside(name)}]: ${read}` };
    packages.push(read);
  }
  return { packages };
}

function packageOf(fields: Fields, dialect: LiveupdateDialect): IndexedPackage | string {
  const all = (field: Field): readonly string[] => fields.get(dialect[field].toLowerCase()) ?? [];
  const names: readonly Field[] = [
    "product",
    "version",
    "language",
    "item",
    "sequence",
    "from",
    "file",
    "size",
    "sha1",
    "sha256",
  ];
  const twice = names.find((field) => all(field).length > 1);
  if (twice !== undefined) return `${quoteOutside(dialect[twice])} stands there twice`;
  const one = (field: Field): string | null => all(field)[0] || null;
  const lacking = (["product", "version", "language", "file"] as const).find((field) => one(field) === null);
  if (lacking !== undefined) return `${quoteOutside(dialect[lacking])} is missing`;
  const bad =
    (["sequence", "from", "size"] as const).find((field) => !/^(?:\d{1,15})?$/.test(one(field) ?? "")) ??
    (["sha1", "sha256"] as const).find((field) => !HEX[field].test(one(field) ?? ""));
  if (bad !== undefined) return `${quoteOutside(dialect[bad])} has no such value: "${quoteOutside(one(bad) ?? "")}"`;
  const identity = {
    product: one("product") ?? "",
    version: one("version") ?? "",
    language: one("language") ?? "",
  };
  // No file system would take the index's name, and no list of series these.
  if (indexName(identity).length > LIMITS.pathSegment) return "product, version and language are too long for a name";
  const number = (field: Field): number | null => (one(field) === null ? null : Number(one(field)));
  return {
    identity,
    item: (one("item") ?? "").slice(0, 128),
    sequence: number("sequence"),
    from: number("from"),
    file: one("file") ?? "",
    size: number("size"),
    sha1: one("sha1")?.toLowerCase() ?? null,
    sha256: one("sha256")?.toLowerCase() ?? null,
    urls: fields.get("url") ?? [],
  };
}

const HEX = { sha1: /^(?:[0-9a-f]{40})?$/i, sha256: /^(?:[0-9a-f]{64})?$/i } as const;
