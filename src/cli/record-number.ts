import { UsageError } from "./report.ts";

/** The number of a record as it is typed: 1 and upward. Throws `UsageError`. */
export function recordNumber(written: string): number {
  const number = /^[1-9]\d{0,14}$/.test(written) ? Number(written) : 0;
  if (number === 0) throw new UsageError(`"${written}" is no number of a record; write for example 3`);
  return number;
}
