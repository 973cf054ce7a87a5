import { formatDuration, type Instant, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { Terminal } from "./terminal.ts";

/** "2026-11-23T17:40:00+01:00": ISO 8601 in local time, with its distance from UTC. */
export function localTime(at: Instant, terminal: Pick<Terminal, "minutesAhead">): string {
  const ahead = terminal.minutesAhead(at);
  const away = Math.abs(ahead);
  const local = new Date(at + ahead * MINUTE).toISOString().slice(0, 19);
  return `${local}${ahead < 0 ? "-" : "+"}${twoDigits(Math.floor(away / 60))}:${twoDigits(away % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** "3m ago", "in 2h 5m", "now". */
export function distance(at: Instant, now: Instant): string {
  const away = Math.abs(now - at);
  if (away < SECOND) return "now";
  // From a minute on, seconds only make the columns flicker.
  const text = formatDuration(away < MINUTE ? away : Math.floor(away / MINUTE) * MINUTE);
  return at <= now ? `${text} ago` : `in ${text}`;
}

/** "2026-11-23T17:40:00+01:00 (3m ago)", or "-" for never. */
export function timeAndDistance(at: Instant | null, terminal: Pick<Terminal, "minutesAhead" | "now">): string {
  return at === null ? "-" : `${localTime(at, terminal)} (${distance(at, terminal.now())})`;
}
