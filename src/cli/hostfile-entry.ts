import { quoteOutside, quoteUrl } from "../core/kernel/errors.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import { didYouMean } from "./did-you-mean.ts";
import { UsageError } from "./report.ts";

/** What an entry's fields are called on the command line. */
const FIELDS = {
  name: "name",
  type: "type",
  address: "address",
  login: "login",
  "password-file": "passwordFile",
  subnet: "subnet",
  mask: "mask",
  order: "order",
} as const satisfies Readonly<Record<string, keyof HostEntry>>;

/** An entry's fields as they were written: the schema judges them. */
export type EntryFields = Readonly<Record<string, string | number>>;

/**
 * Reads `name=HQ,type=http,address=http://10.0.0.5:8082/,order=10`. A comma parts only where a field begins behind it.
 * `rename` is for --set alone. Throws `UsageError`, without the values: a password may stand in one by mistake.
 */
export function entryFields(flag: "--add" | "--set", written: string): EntryFields {
  const fields: Record<string, string | number> = {};
  const known = [...Object.keys(FIELDS), ...(flag === "--set" ? ["rename"] : [])];
  for (const pair of written.split(/,(?=[A-Za-z-]+=)/)) {
    const [, key, value = ""] = /^([A-Za-z-]+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined) throw new UsageError(`${flag} takes KEY=VALUE,KEY=VALUE with ${known.join(", ")}`);
    if (!known.includes(key)) {
      const meant = didYouMean(key, known);
      const hint = meant === null ? `known are ${known.join(", ")}` : `did you mean \`${meant}\`?`;
      const no = key === "password" ? "a password stands in a file of its own, on the client" : hint;
      throw new UsageError(`${flag}: no field \`${quoteOutside(key, 64)}\`: ${no}`);
    }
    const field = Object.hasOwn(FIELDS, key) ? FIELDS[key as keyof typeof FIELDS] : key;
    if (Object.hasOwn(fields, field)) throw new UsageError(`${flag}: \`${key}\` stands twice`);
    fields[field] = field === "order" && /^\d+$/.test(value) ? Number(value) : value;
  }
  if (fields["name"] === undefined || fields["name"] === "") throw new UsageError(`${flag} needs name=…`);
  return fields;
}

/** An entry with some fields replaced, an empty one taken away; `null` values never reach the file. */
export function withFields(
  entry: Readonly<Record<string, unknown>>,
  fields: EntryFields,
): Readonly<Record<string, unknown>> {
  const { rename, ...rest } = fields;
  const after = { ...entry, ...rest, ...(rename === undefined ? {} : { name: rename }) };
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== ""));
}

/** An entry's address as it may be shown: a login in it, which is a fault, is not repeated. */
export function shownAddress({ type, address }: HostEntry): string {
  return type === "share" ? quoteOutside(address, 300) : quoteUrl(address);
}
