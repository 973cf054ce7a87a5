import { channelName } from "../core/model/source.ts";
import { UsageError } from "./report.ts";

/** A revision's number as it is typed: 1 and upward. Throws `UsageError`. */
export function revisionNumber(written: string): number {
  const number = /^[1-9]\d{0,14}$/.test(written) ? Number(written) : 0;
  if (number === 0) throw new UsageError(`"${written}" is no revision; write its number, for example 7`);
  return number;
}

/** A revision's number, or the channel that points at it. Throws `UsageError`. */
export function revisionRef(written: string): number | string {
  if (/^\d/.test(written)) return revisionNumber(written);
  if (channelName.safeParse(written).success) return written;
  throw new UsageError(`"${written}" is neither a revision's number nor a channel's name`);
}
