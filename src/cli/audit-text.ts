import * as z from "zod";
import { Failure } from "../core/kernel/errors.ts";

const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const entry = z.looseObject({
  n: z.int(),
  at: z.int(),
  kind: z.string(),
  fields: z.record(z.string(), z.union([plain, z.array(z.union([plain, z.array(plain)]))])),
});
export type ReadEntry = z.infer<typeof entry>;

/** An entry as the daemon sent it. Throws `Failure` `worker.protocol`. */
export function parseEntry(line: string): ReadEntry {
  const parsed = entry.safeParse(JSON.parse(line));
  if (!parsed.success) throw new Failure("worker.protocol", "the daemon sent an entry of another shape");
  return parsed.data;
}

/** An entry's fields in one line; lists by their length, for one may have hundreds. */
export function said(fields: ReadEntry["fields"]): string {
  return Object.entries(fields)
    .map(([name, value]) => (Array.isArray(value) ? `${name}: ${value.length}` : `${name}=${String(value)}`))
    .join(" ");
}
