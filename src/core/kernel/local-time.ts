import { DAY, type Instant, MINUTE } from "./instant.ts";
import { aheadOfUtc, minuteOfDay, weekday } from "./wall-time.ts";

/** A moment as the clocks of a place show it. */
export interface LocalTime {
  /** 0: Sunday. */
  readonly weekday: number;
  /** Since the local midnight. */
  readonly minutes: number;
}

/** Whether it is a time zone of the IANA database that this runtime knows: `Europe/Berlin`, `UTC`. */
export function isTimeZone(zone: string): boolean {
  try {
    aheadOfUtc(zone, 0);
    return true;
  } catch (cause) {
    if (cause instanceof RangeError) return false;
    throw cause;
  }
}

/** What the clocks of a zone show. Throws RangeError for what `isTimeZone` refuses. */
export function localTime(at: Instant, zone: string): LocalTime {
  const wall = at + aheadOfUtc(zone, at);
  // There Monday is the first.
  return { weekday: (weekday(wall) + 1) % 7, minutes: minuteOfDay(wall) };
}

const MINUTES_OF_DAY = DAY / MINUTE;

/**
 * The next moment after `at` at which the clocks of a zone show so many minutes since midnight; on a day that leaves
 * this time out, the time that they would show without the gap.
 */
export function nextLocalMinute(at: Instant, zone: string, minutes: number): Instant {
  const start = Math.floor(at / MINUTE) * MINUTE;
  const ahead = minutes - localTime(start, zone).minutes;
  const guess = start + (ahead <= 0 ? ahead + MINUTES_OF_DAY : ahead) * MINUTE;
  // Clocks that change in between put the guess off by what they change: once more from there, to the nearer side.
  const off = minutes - localTime(guess, zone).minutes;
  const nearer =
    off > MINUTES_OF_DAY / 2 ? off - MINUTES_OF_DAY : off < -MINUTES_OF_DAY / 2 ? off + MINUTES_OF_DAY : off;
  const found = guess + nearer * MINUTE;
  return found > at && localTime(found, zone).minutes === minutes ? found : guess;
}
