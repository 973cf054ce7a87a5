import * as z from "zod";

const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const entry = z.looseObject({
  n: z.int(),
  at: z.int(),
  kind: z.string(),
  fields: z.record(z.string(), z.union([plain, z.array(z.union([plain, z.array(plain)]))])),
});

/** One entry of the audit log, as its line says it. */
export type ReadEntry = z.infer<typeof entry>;

/** Reads a line of the log; `null` when it is no entry. */
export function readEntry(line: string): ReadEntry | null {
  const parsed = entry.safeParse(JSON.parse(line));
  return parsed.success ? parsed.data : null;
}

type Fields = ReadEntry["fields"];

/** A field that is a text; `""` where it is none. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

/** A field that is a number; `null` where it is none. */
export function numberOf(fields: Fields, name: string): number | null {
  const value = fields[name];
  return typeof value === "number" ? value : null;
}

/** The rows of a field that is a list of lists; each cell as text. */
export function rowsOf(fields: Fields, name: string): readonly (readonly string[])[] {
  const value = fields[name];
  if (!Array.isArray(value)) return [];
  return value.filter((row) => Array.isArray(row)).map((row) => row.map(String));
}
