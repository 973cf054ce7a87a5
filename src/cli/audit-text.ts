import { type ReadEntry, readEntry } from "../core/audit/read-entry.ts";
import { Failure } from "../core/kernel/errors.ts";

/** An entry as the daemon sent it. Throws `Failure` `worker.protocol`. */
export function parseEntry(line: string): ReadEntry {
  const entry = readEntry(line);
  if (entry === null) throw new Failure("worker.protocol", "the daemon sent an entry of another shape");
  return entry;
}

/** An entry's fields in one line; lists by their length, for one may have hundreds. */
export function said(fields: ReadEntry["fields"]): string {
  return Object.entries(fields)
    .map(([name, value]) => (Array.isArray(value) ? `${name}: ${value.length}` : `${name}=${String(value)}`))
    .join(" ");
}
