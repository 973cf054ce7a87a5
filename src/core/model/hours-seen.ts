import { DAY, HOUR, type Instant } from "../kernel/instant.ts";

/** How far back a client's hours are kept. */
export const HOURS_KEPT = 8 * 7 * 24;
/** A day of many requests says no more than fifteen an hour do. */
const MOST_AN_HOUR = 15;

/**
 * In which of the last eight weeks' hours a client was seen, and how often in each (0 to 15): four bits an hour, in a
 * ring by the hour's number since 1970. It is all that the learning of a rhythm needs, and takes 672 bytes whatever a
 * client does.
 */
export interface HoursSeen {
  /** The newest hour that is written, counted since 1970; -1: none. */
  readonly newest: number;
  readonly counts: Uint8Array;
}

export const HOURS_BYTES: number = HOURS_KEPT / 2;
export const NO_HOURS: HoursSeen = { newest: -1, counts: new Uint8Array(HOURS_BYTES) };

export function hourOf(at: Instant): number {
  return Math.floor(at / HOUR);
}

/** What is left of the hours once one more sighting is noted; what is older than the ring reaches is not noted. */
export function withSighting({ newest, counts }: HoursSeen, at: Instant): HoursSeen {
  const hour = hourOf(at);
  if (hour < 0 || hour <= newest - HOURS_KEPT) return { newest, counts };
  const next = Uint8Array.from(counts);
  // Hours in between were slept through, and what the ring held of eight weeks before goes.
  for (let gone = Math.max(newest + 1, hour - HOURS_KEPT + 1); gone <= hour; gone += 1) put(next, gone, 0);
  put(next, hour, Math.min(MOST_AN_HOUR, nibble(next, hour) + 1));
  return { newest: Math.max(newest, hour), counts: next };
}

/** How often it was seen in an hour. */
export function seenIn({ newest, counts }: HoursSeen, hour: number): number {
  return hour > newest || hour <= newest - HOURS_KEPT || hour < 0 ? 0 : nibble(counts, hour);
}

/** The first hour that the ring reaches back to. */
export function oldestHour({ newest }: HoursSeen): number {
  return Math.max(0, newest - HOURS_KEPT + 1);
}

/** Whether two instants are the same visit: a client asks for many files in one. */
export function sameVisit(before: Instant, at: Instant): boolean {
  return at - before < DAY / 1_440;
}

function nibble(counts: Uint8Array, hour: number): number {
  const at = hour % HOURS_KEPT;
  return ((counts[at >> 1] ?? 0) >> ((at & 1) * 4)) & 15;
}

function put(counts: Uint8Array, hour: number, count: number): void {
  const at = hour % HOURS_KEPT;
  const shift = (at & 1) * 4;
  counts[at >> 1] = ((counts[at >> 1] ?? 0) & ~(15 << shift)) | (count << shift);
}
