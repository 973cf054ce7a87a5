import type { Instant } from "../../../core/kernel/instant.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). */
export function formatHttpDate(instant: Instant): string {
  return new Date(instant).toUTCString();
}

/**
 * Reads an HTTP date in its present form and in the two obsolete ones that a server must still take; `null` for
 * anything else. `Date.parse` takes much more, and another reading than the client's would be a wrong 304.
 */
export function parseHttpDate(text: string, now: Instant): Instant | null {
  const fixed = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (fixed !== null) return instantOf(fixed[3], fixed[2], fixed[1], fixed.slice(4));
  const rfc850 = /^\w{6,9}, (\d{2})-(\w{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (rfc850 !== null) return instantOf(fullYear(Number(rfc850[3]), now), rfc850[2], rfc850[1], rfc850.slice(4));
  const asctime = /^\w{3} (\w{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/.exec(text);
  if (asctime !== null) return instantOf(asctime[6], asctime[1], asctime[2]?.trim(), asctime.slice(3, 6));
  return null;
}

function instantOf(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): Instant | null {
  const [hour = 0, minute = 0, second = 0] = time.map(Number);
  const date = new Date(Date.UTC(Number(year), MONTHS.indexOf(month ?? ""), Number(day), hour, minute, second));
  // A leap second reads as the next minute; any other number that does not come back as it was is no date.
  const real = MONTHS[date.getUTCMonth()] === month || second === 60;
  return real && hour < 24 && minute < 60 && second <= 60 ? date.getTime() : null;
}

/** Two digits more than 50 years ahead are of the past (RFC 9110 section 5.6.7). */
function fullYear(short: number, now: Instant): string {
  const present = new Date(now).getUTCFullYear();
  const year = present - (present % 100) + short;
  return String(year > present + 50 ? year - 100 : year);
}
