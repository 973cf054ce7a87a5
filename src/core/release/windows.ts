import { DAY, type Instant, MINUTE } from "../kernel/instant.ts";
import { aheadOfUtc, minuteOfDay, nextChange, type WallTime, weekday } from "../kernel/wall-time.ts";
import type { RingPolicy, Span, Weekly } from "../model/policy.ts";

/** When a ring may move. */
export type Windows = Pick<RingPolicy, "hours" | "blackout">;

const DAY_NUMBERS: Readonly<Record<Weekly["days"][number], number>> = {
  mon: 0,
  tue: 1,
  wed: 2,
  thu: 3,
  fri: 4,
  sat: 5,
  sun: 6,
};

function minutesOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

function inWeekly({ days, from, to }: Weekly, wall: WallTime): boolean {
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  const [minute, day] = [minuteOfDay(wall), weekday(wall)];
  const begins = (on: number): boolean => days.some((name) => DAY_NUMBERS[name] === on);
  if (begin < end) return begins(day) && minute >= begin && minute < end;
  // Over midnight it belongs to the day on which it began.
  return (begins(day) && minute >= begin) || (begins((day + 6) % 7) && minute < end);
}

function wallOf(localMinute: string): WallTime {
  return Date.parse(`${localMinute}:00Z`);
}

function inSpan({ begin, end }: Span, wall: WallTime): boolean {
  return wall >= wallOf(begin) && wall < wallOf(end);
}

/** Whether a ring may move when its zone's clocks read so. */
function isOpenAt({ hours, blackout }: Windows, wall: WallTime): boolean {
  const shut = blackout.some((each) => ("begin" in each ? inSpan(each, wall) : inWeekly(each, wall)));
  return !shut && (hours.length === 0 || hours.some((each) => inWeekly(each, wall)));
}

export function isOpen(windows: Windows, zone: string, at: Instant): boolean {
  return isOpenAt(windows, at + aheadOfUtc(zone, at));
}

/** Windows that never open within this are told as such: whoever waits longer than a year waits for a mistake. */
const FARTHEST = 400 * DAY;

/**
 * The first instant from `from` on at which a ring may move; `null` when there is none within 400 days. An hour that a
 * change of clocks leaves out does not come that day; one that it repeats comes twice.
 */
export function nextOpening(windows: Windows, zone: string, from: Instant): Instant | null {
  let at = from;
  while (at <= from + FARTHEST) {
    const ahead = aheadOfUtc(zone, at);
    if (isOpenAt(windows, at + ahead)) return at;
    const next = nextBoundary(windows, at + ahead) - ahead;
    // Past a change of clocks the boundary is elsewhere: go to the change, and look again from there.
    at = nextChange(zone, at, next);
  }
  return null;
}

/** The next wall time at which a window may open: an end of a span or a boundary of a weekly window, midnight at the latest. */
function nextBoundary({ hours, blackout }: Windows, wall: WallTime): WallTime {
  const midnight = Math.floor(wall / DAY) * DAY;
  const spans = blackout.filter((each): each is Span => "begin" in each && inSpan(each, wall));
  // Nothing opens before the last of the spans that shut it now is over.
  if (spans.length > 0) return Math.max(...spans.map(({ end }) => wallOf(end)));
  const weekly = [...hours, ...blackout.filter((each): each is Weekly => !("begin" in each))];
  const minutes = weekly.flatMap(({ from, to }) => [minutesOf(from), minutesOf(to)]);
  const later = minutes.map((minute) => midnight + minute * MINUTE).filter((each) => each > wall);
  return Math.min(midnight + DAY, ...later);
}
