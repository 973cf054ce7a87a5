import { DAY, type Duration, HOUR, type Instant, MINUTE } from "../kernel/instant.ts";
import { HOURS_KEPT, type HoursSeen, hourOf, oldestHour, seenIn } from "../model/hours-seen.ts";

const WEEK_HOURS = 7 * 24;

/** Less than a whole week says nothing of weekends; fewer hours say nothing at all. */
const LEAST_HISTORY: Duration = 7 * DAY;
const LEAST_HOURS = 8;
/** Two sightings this many usual steps apart have sleep between them. */
const SLEEP_STEPS = 2.5;
/** In its past a client may have counted as silent for this share of the time in which it was awake. */
const PAST_SILENCE = 0.01;
/** What comes on top, because the past is a sample: a multiple of the client's own patience, and of its usual step. */
const MARGIN = 1.25;
const LEAST_STEPS = 1.5;
/** The same for a client that comes several times an hour, and the least that anybody is given: a reboot. */
const SHORT_STEPS = 4;
const LEAST_PATIENCE: Duration = 20 * MINUTE;

/**
 * How one client comes back. Its clock runs only while it is usually awake: by `awake`, the share of past weeks in
 * which it was, for each hour of the week (counted since 1970). `patience` is in that clock's milliseconds.
 */
export interface Rhythm {
  readonly awake: Float64Array;
  /** So much of its waking time without a sighting is silence. */
  readonly patience: Duration;
  /** The usual time between two visits while it is awake. */
  readonly step: Duration;
  /** Lengths of its past gaps, in waking hours, ascending. */
  readonly gaps: Float64Array;
}

/**
 * A client's rhythm as its hours before `before` show it, or `null` where they show too little. What comes later
 * teaches nothing: an update that slows its client down must not be forgiven for it. Medians and shares, never means:
 * a holiday or a broken week moves them little. Pure.
 */
export function learnRhythm(hours: HoursSeen, before: Instant): Rhythm | null {
  const seen = hoursBefore(hours, hourOf(before));
  const first = seen[0];
  if (first === undefined || seen.length < LEAST_HOURS || before - first * HOUR < LEAST_HISTORY) return null;
  const usual = middle(between(seen, (hour) => hour));
  const awake = awakeShares(seen, hourOf(before), usual * SLEEP_STEPS);
  const clock = elapsedHours(awake, first, hourOf(before));
  const gaps = between(seen, (hour) => clock[hour - first] ?? 0).toSorted();
  const long = Math.max(patienceOf(gaps) * MARGIN, usual * LEAST_STEPS) * HOUR;
  const often = usual === 1 ? visitsAnHour(hours, seen) : 0;
  const short = often < 2 ? Number.POSITIVE_INFINITY : (SHORT_STEPS * HOUR) / often;
  return {
    awake,
    patience: Math.max(LEAST_PATIENCE, Math.min(long, short)),
    step: often < 2 ? usual * HOUR : HOUR / often,
    gaps,
  };
}

/** The hours in which it was seen, ascending. */
function hoursBefore(hours: HoursSeen, end: number): Int32Array {
  const seen = new Int32Array(HOURS_KEPT);
  let count = 0;
  for (let hour = oldestHour(hours); hour < Math.min(end, hours.newest + 1); hour += 1)
    if (seenIn(hours, hour) > 0) {
      seen[count] = hour;
      count += 1;
    }
  return seen.subarray(0, count);
}

/** From each seen hour to the next, by some clock. */
function between(seen: Int32Array, clock: (hour: number) => number): Float64Array {
  const gaps = new Float64Array(seen.length - 1);
  for (let at = 0; at < gaps.length; at += 1) gaps[at] = clock(seen[at + 1] ?? 0) - clock(seen[at] ?? 0);
  return gaps;
}

/** For each hour of the week, in which share of the weeks the client was awake; neighbours are mixed in, for people are not clocks. */
function awakeShares(seen: Int32Array, end: number, sleep: number): Float64Array {
  const awake = new Float64Array(WEEK_HOURS);
  const weeks = new Float64Array(WEEK_HOURS);
  const first = seen[0] ?? end;
  for (let hour = first; hour < end; hour += 1) weeks[hour % WEEK_HOURS] = (weeks[hour % WEEK_HOURS] ?? 0) + 1;
  for (const [at, hour] of seen.entries()) {
    const next = seen[at + 1] ?? hour + 1;
    const last = next - hour <= sleep ? next : hour + 1;
    for (let each = hour; each < last; each += 1) awake[each % WEEK_HOURS] = (awake[each % WEEK_HOURS] ?? 0) + 1;
  }
  const share = (hour: number): number => {
    const at = (hour + WEEK_HOURS) % WEEK_HOURS;
    return (awake[at] ?? 0) / Math.max(1, weeks[at] ?? 0);
  };
  return awake.map((_, hour) => share(hour - 1) / 4 + share(hour) / 2 + share(hour + 1) / 4);
}

/** The client's own clock at the beginning of each hour from `first` to `end`, in hours. */
function elapsedHours(awake: Float64Array, first: number, end: number): Float64Array {
  const clock = new Float64Array(Math.max(1, end - first + 1));
  for (let at = 1; at < clock.length; at += 1)
    clock[at] = (clock[at - 1] ?? 0) + (awake[(first + at - 1) % WEEK_HOURS] ?? 0);
  return clock;
}

/** The shortest patience with which it would have counted as silent for PAST_SILENCE of its waking time. */
function patienceOf(gaps: Float64Array): number {
  const allowed = gaps.reduce((sum, gap) => sum + gap, 0) * PAST_SILENCE;
  let beyond = 0;
  for (let at = gaps.length - 1; at > 0; at -= 1) {
    const [gap, shorter] = [gaps[at] ?? 0, gaps[at - 1] ?? 0];
    const more = (gap - shorter) * (gaps.length - at);
    if (beyond + more > allowed) return gap - (allowed - beyond) / (gaps.length - at);
    beyond += more;
  }
  return gaps[0] ?? 0;
}

/** How often it comes in an hour in the middle of its waking time, at its slowest tenth. */
function visitsAnHour(hours: HoursSeen, seen: Int32Array): number {
  const counts = new Int32Array(16);
  let all = 0;
  for (let at = 1; at + 1 < seen.length; at += 1) {
    const hour = seen[at] ?? 0;
    if (seen[at - 1] !== hour - 1 || seen[at + 1] !== hour + 1) continue;
    const count = seenIn(hours, hour);
    counts[count] = (counts[count] ?? 0) + 1;
    all += 1;
  }
  let slower = 0;
  for (let count = 0; count < counts.length; count += 1) {
    slower += counts[count] ?? 0;
    if (slower > Math.floor(all / 10)) return count;
  }
  return 0;
}

function middle(values: Float64Array): number {
  return values.toSorted()[values.length >> 1] ?? 0;
}

/** How long a client has usually been awake between two instants, in milliseconds of its own clock. */
export function awakeBetween({ awake }: Rhythm, from: Instant, to: Instant): Duration {
  let total = 0;
  for (let at = from; at < to; ) {
    const end = Math.min(to, (hourOf(at) + 1) * HOUR);
    total += (end - at) * (awake[hourOf(at) % WEEK_HOURS] ?? 0);
    at = end;
  }
  return total;
}

/** How far ahead silence is looked for: a client that is never awake so long has no rhythm to miss. */
const FARTHEST_WEEKS = 8;

/** When `waking` milliseconds of a client's own clock have passed since `from`; `null`: not within eight weeks. */
export function afterAwake({ awake }: Rhythm, from: Instant, waking: Duration): Instant | null {
  let left = waking;
  for (let at = from; at < from + FARTHEST_WEEKS * 7 * DAY; ) {
    const end = (hourOf(at) + 1) * HOUR;
    const share = awake[hourOf(at) % WEEK_HOURS] ?? 0;
    if ((end - at) * share >= left) return Math.ceil(at + (share === 0 ? 0 : left / share));
    left -= (end - at) * share;
    at = end;
  }
  return null;
}

/** How sure it is that so much waking time without a sighting is no accident, from the client's own past: 0 to 1. */
export function sureOfSilence({ gaps }: Rhythm, waking: Duration): number {
  const hours = waking / HOUR;
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  const beyond = gaps.reduce((sum, gap) => sum + Math.max(0, gap - hours), 0);
  return 1 - Math.max(total === 0 ? 1 : beyond / total, 1 / (gaps.length + 1));
}
