import { matchesGlob } from "../kernel/glob.ts";
import { DAY, type Duration, HOUR, type Instant, SECOND } from "../kernel/instant.ts";
import { localTime, nextLocalMinute } from "../kernel/local-time.ts";
import type { Subscriber } from "./subscriber.ts";

/** RFC 5424 section 6.2.1: the smaller, the graver. */
const WEIGHTS = { error: 3, warning: 4, notice: 5, info: 6 } as const;

/** A notice that cannot be delivered is tried again for so long. */
export const GIVE_UP_AFTER: Duration = DAY;
const FIRST_PAUSE: Duration = 10 * SECOND;
const LONGEST_PAUSE: Duration = HOUR;

/** Whether a subscriber is told of an event. What a delivery says of itself is told to nobody: it would tell of itself again. */
export function wantsEvent({ events, least }: Subscriber, name: string, severity: number): boolean {
  if (name.startsWith("notice.") || severity > WEIGHTS[least]) return false;
  return events.some((pattern) => matchesGlob(pattern, name));
}

/** When a subscriber is told of an event that happened at `now`. */
export function dueAt({ quiet, within, mail }: Subscriber, severity: number, now: Instant): Instant {
  const soon = mail === undefined ? now : now + within;
  if (quiet === undefined || (quiet.except === "error" && severity <= WEIGHTS.error)) return soon;
  return isQuiet(quiet, now) || isQuiet(quiet, soon) ? nextLocalMinute(now, quiet.zone, quiet.to) : soon;
}

function isQuiet({ from, to, zone }: NonNullable<Subscriber["quiet"]>, at: Instant): boolean {
  const { minutes } = localTime(at, zone);
  // Hours over midnight; the same time twice is no hour at all.
  return from <= to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

/** When a notice that has failed `tries` times is tried again; `null`: no more. `since`: when it was made. */
export function nextTry(tries: number, since: Instant, now: Instant): Instant | null {
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(tries - 1, 20));
  return now + pause - since > GIVE_UP_AFTER ? null : now + pause;
}
