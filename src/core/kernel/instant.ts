/** A point in time: whole milliseconds since 1970-01-01T00:00:00Z. It is always an argument, never read from a clock in core. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

export const SECOND: Duration = 1_000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
export const DAY: Duration = 24 * HOUR;

const UNITS: Readonly<Record<string, Duration>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/** Reads "90s", "1h 30m", "250ms"; `null` for anything else. */
export function parseDuration(text: string): Duration | null {
  const parts =
    text.trim().match(/^(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)\s*)+$/) === null
      ? null
      : text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)/g);
  if (parts === null) return null;
  let total = 0;
  for (const [, amount, unit] of parts) total += Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  return Number.isFinite(total) ? Math.round(total) : null;
}

/** "2d 4h", "1m 30s", "250ms": the two largest units. */
export function formatDuration(duration: Duration): string {
  if (duration < SECOND) return `${Math.round(duration)}ms`;
  const parts: string[] = [];
  let rest = Math.round(duration / SECOND) * SECOND;
  for (const unit of ["d", "h", "m", "s"]) {
    const size = UNITS[unit] ?? SECOND;
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

/** What a `Date` can hold, either side of 1970 (ECMA-262 section 21.4.1.1). */
const FARTHEST: Instant = 8.64e15;

/** "2026-11-23T16:40:00Z". A vendor may write any number where a time belongs: beyond the calendar, its nearest end. */
export function formatInstant(instant: Instant): string {
  const within = Math.min(FARTHEST, Math.max(-FARTHEST, instant));
  return new Date(within).toISOString().replace(/\.\d{3}Z$/, "Z");
}
