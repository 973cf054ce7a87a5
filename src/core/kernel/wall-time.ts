import { DAY, type Instant, MINUTE } from "./instant.ts";

/**
 * Local time in an IANA zone. JavaScript's own tables know the zones and their changes of clocks; what is decided here
 * is decided from the difference to UTC alone, which is constant between two changes.
 */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

/** How far local time is ahead of UTC, in milliseconds. */
export function aheadOfUtc(zone: string, at: Instant): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
}

/** A wall clock's reading: milliseconds since 1970 as if local time were UTC. */
export type WallTime = number;

/** Minutes since the local midnight, 0 to 1439. */
export function minuteOfDay(wall: WallTime): number {
  return Math.floor((((wall % DAY) + DAY) % DAY) / MINUTE);
}

/** 0 is Monday. */
export function weekday(wall: WallTime): number {
  // 1970-01-01 was a Thursday.
  return (((Math.floor(wall / DAY) + 3) % 7) + 7) % 7;
}

/** The first instant in (after, upTo] at which local time is another way ahead of UTC than at `after`; else `upTo`. */
export function nextChange(zone: string, after: Instant, upTo: Instant): Instant {
  const before = aheadOfUtc(zone, after);
  if (aheadOfUtc(zone, upTo) === before) return upTo;
  let [low, high] = [after, upTo];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (aheadOfUtc(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}
