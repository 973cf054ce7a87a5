import { DAY, HOUR, type Instant, MINUTE } from "../../src/core/kernel/instant.ts";
import { HOURS_BYTES, HOURS_KEPT, type HoursSeen, hourOf } from "../../src/core/model/hours-seen.ts";
import type { Dice } from "../../test/fixtures/dice.ts";

/** Weeks before the first release, which the detector learns from, and weeks in which releases fall. */
const HISTORY_WEEKS = 8;
const RELEASE_WEEKS = 5;
/** How long a release is watched. */
export const HORIZON = 4 * DAY;
const MONDAY: Instant = Date.UTC(2026, 0, 5);
export const RELEASES_FROM: Instant = MONDAY + HISTORY_WEEKS * 7 * DAY;
export const RELEASES_UNTIL: Instant = RELEASES_FROM + RELEASE_WEEKS * 7 * DAY;
const END: Instant = RELEASES_UNTIL + HORIZON;

type Kind = "minutes" | "hourly" | "four-hourly" | "daily" | "daily-spread" | "office" | "laptop" | "evening" | "dead";

/** How many of each kind stand in a fleet, by weight: what a site's first ring may look like. */
const PROFILES: Readonly<Record<string, Partial<Record<Kind, number>>>> = {
  servers: { minutes: 5, hourly: 5, "four-hourly": 1, daily: 1, dead: 1 },
  "servers and offices": { minutes: 2, hourly: 4, daily: 1, "daily-spread": 1, office: 5, laptop: 3, dead: 1 },
  offices: { hourly: 2, office: 6, laptop: 4, evening: 1, dead: 1 },
  "daily clients": { hourly: 2, daily: 6, "daily-spread": 2, laptop: 1, dead: 1 },
  laptops: { hourly: 2, laptop: 8, evening: 1, dead: 1 },
};
const PROFILE_NAMES: readonly string[] = Object.keys(PROFILES);

export interface Visit {
  readonly at: Instant;
  readonly machine: number;
}

/** What the server takes for one client: an address with a User-Agent, and whoever stands behind it. */
interface Identity {
  readonly client: string;
  readonly likeness: string;
  readonly visits: readonly Visit[];
}

export interface Fleet {
  readonly profile: string;
  /** The model of each machine. */
  readonly models: readonly string[];
  readonly identities: readonly Identity[];
}

interface Span {
  readonly from: Instant;
  readonly until: Instant;
}

/** A synthetic first ring, from eight weeks before the first release to four days after the last. */
export function makeFleet(dice: Dice): Fleet {
  const profile = dice.pick(PROFILE_NAMES);
  const kinds = Object.entries(PROFILES[profile] ?? {}).flatMap(([kind, weight]) =>
    Array<Kind>(weight).fill(kind as Kind),
  );
  const size = 8 + dice.number(dice.once(3) ? 8 : 45);
  const zone = dice.number(24) * HOUR;
  const site = siteOutages(dice, zone);
  // At some sites addresses last; at others leases run out, or several machines share one.
  const leases = dice.once(3) ? 0.015 : 0;
  const behindNat = dice.once(4) ? 0.15 : 0;
  const streams = new Map<string, { likeness: string; visits: Visit[] }>();
  const models: string[] = [];
  for (let machine = 0; machine < size; machine += 1) {
    const kind = dice.pick(kinds);
    models.push(modelOf(dice, kind));
    const likeness = `${kind === "daily" || kind === "daily-spread" ? "apt" : "freshclam"} net-${machine % 3}`;
    const shared = fraction(dice) < behindNat ? `nat-${dice.number(3)} ${likeness}` : null;
    let lease = 0;
    let day = -1;
    const down = [...site, ...ownOutages(dice, kind)].toSorted((a, b) => a.from - b.from);
    for (const at of up(visitsOf(dice, kind, zone), down)) {
      if (Math.floor(at / DAY) !== day) {
        day = Math.floor(at / DAY);
        if (fraction(dice) < leases) lease += 1;
      }
      const client = shared ?? `m${machine}.${lease}`;
      const stream = streams.get(client) ?? { likeness, visits: [] };
      stream.visits.push({ at, machine });
      streams.set(client, stream);
    }
  }
  const identities = [...streams].map(([client, { likeness, visits }]) => ({
    client,
    likeness,
    visits: client.startsWith("nat-") ? visits.toSorted((a, b) => a.at - b.at) : visits,
  }));
  return { profile, models, identities };
}

function fraction(dice: Dice): number {
  return dice.number(1_000_000) / 1_000_000;
}

function modelOf(dice: Dice, kind: Kind): string {
  const portable = kind === "laptop" || kind === "evening";
  return `${portable ? "portable" : "standing"}-${dice.once(3) ? "a" : "b"}`;
}

/** The line or the power of the whole site, about once in eight weeks; and a night of patches each month, when all restart. */
function siteOutages(dice: Dice, zone: number): readonly Span[] {
  const spans: Span[] = [];
  for (let at = MONDAY + dice.number(8 * 7 * DAY); at < END; at += 4 * 7 * DAY + dice.number(8 * 7 * DAY))
    spans.push({ from: at, until: at + (20 + dice.number(160)) * MINUTE });
  for (let at = MONDAY + DAY + zone + 2 * HOUR; at < END; at += 4 * 7 * DAY)
    spans.push({ from: at, until: at + (10 + dice.number(40)) * MINUTE });
  return spans;
}

/** A machine's own: restarts, a repair now and then, holidays of who uses it, and its last day. */
function ownOutages(dice: Dice, kind: Kind): readonly Span[] {
  const spans: Span[] = [];
  const add = (from: Instant, length: number): void => void spans.push({ from, until: from + length });
  for (let at = MONDAY + dice.number(7 * DAY); at < END; at += DAY + dice.number(14 * DAY))
    add(at, (3 + dice.number(12)) * MINUTE);
  if (dice.once(4)) add(MONDAY + dice.number(END - MONDAY), (2 + dice.number(46)) * HOUR);
  if (kind === "office" || kind === "laptop" || kind === "evening")
    for (let at = MONDAY + dice.number(10 * 7 * DAY); at < END; at += 6 * 7 * DAY + dice.number(20 * 7 * DAY))
      add(at, (2 + dice.number(13)) * DAY);
  // One machine in some eighteen is taken away for good within the thirteen weeks, dead ones all in the first ten.
  if (kind === "dead") add(MONDAY + dice.number(8 * 7 * DAY), END);
  else if (dice.once(18)) add(MONDAY + dice.number(END - MONDAY), END);
  return spans;
}

function up(times: readonly Instant[], down: readonly Span[]): readonly Instant[] {
  let until = 0;
  let next = 0;
  return times.filter((at) => {
    for (let span = down[next]; span !== undefined && span.from <= at; span = down[next]) {
      until = Math.max(until, span.until);
      next += 1;
    }
    return at >= until;
  });
}

function visitsOf(dice: Dice, kind: Kind, zone: number): readonly Instant[] {
  switch (kind) {
    case "minutes":
      return steady(dice, dice.pick([5, 10, 15, 30]) * MINUTE, 0.1);
    case "hourly":
    case "dead":
      return steady(dice, HOUR, dice.pick([0.02, 0.2]));
    case "four-hourly":
      return steady(dice, 4 * HOUR, 0.1);
    case "daily":
      return daily(dice, 20 * MINUTE);
    case "daily-spread":
      // apt's own timer: anywhere within twelve hours.
      return daily(dice, 12 * HOUR);
    case "office":
      return days(dice, zone, dice.pick([HOUR, 2 * HOUR, 30 * MINUTE]), 0.95, false);
    case "laptop":
      return days(dice, zone, dice.pick([HOUR, 4 * HOUR]), 0.8, true);
    case "evening":
      return evenings(dice, zone);
  }
}

function steady(dice: Dice, step: number, jitter: number): readonly Instant[] {
  const all: Instant[] = [];
  const swing = Math.max(2, Math.floor(step * jitter * 2));
  for (let at = MONDAY + dice.number(step); at < END; at += step + dice.number(swing) - (swing >> 1)) all.push(at);
  return all;
}

function daily(dice: Dice, spread: number): readonly Instant[] {
  const hour = dice.number(24 * 60) * MINUTE;
  const all: Instant[] = [];
  for (let day = MONDAY; day < END; day += DAY) all.push(day + hour + dice.number(spread));
  return all.toSorted((a, b) => a - b);
}

/** Working days: from switching on, in steps, to switching off; a laptop is shut at times, and opened for less long. */
function days(dice: Dice, zone: number, step: number, presence: number, portable: boolean): readonly Instant[] {
  const all: Instant[] = [];
  for (let day = MONDAY; day < END; day += DAY) {
    const weekday = Math.floor((day - MONDAY) / DAY) % 7;
    if (weekday > 4 || fraction(dice) > presence) continue;
    const from = day + zone + 8 * HOUR + dice.number(100 * MINUTE);
    const until = day + zone + 16 * HOUR + dice.number(150 * MINUTE);
    for (let at = from; at < until; at += step + dice.number(step >> 3)) {
      if (portable && dice.once(8)) at += dice.number(2 * HOUR);
      if (at < until) all.push(at);
    }
  }
  return all;
}

function evenings(dice: Dice, zone: number): readonly Instant[] {
  const all: Instant[] = [];
  for (let day = MONDAY; day < END; day += DAY) {
    if (!dice.once(2)) continue;
    const from = day + zone + 17 * HOUR + dice.number(3 * HOUR);
    for (let at = from; at < from + HOUR + dice.number(3 * HOUR); at += 45 * MINUTE) all.push(at);
  }
  return all;
}

/** The hours of visits before `at`, as the ledger would have them: the same as noting one visit after another. */
export function hoursUntil(visits: readonly Visit[], at: Instant): HoursSeen {
  const counts = new Uint8Array(HOURS_BYTES);
  let newest = -1;
  for (const visit of visits) if (visit.at < at) newest = Math.max(newest, hourOf(visit.at));
  for (const visit of visits) {
    const hour = hourOf(visit.at);
    if (visit.at >= at || hour <= newest - HOURS_KEPT) continue;
    const [byte, shift] = [(hour % HOURS_KEPT) >> 1, (hour & 1) * 4];
    const count = ((counts[byte] ?? 0) >> shift) & 15;
    if (count < 15) counts[byte] = (counts[byte] ?? 0) + (1 << shift);
  }
  return { newest, counts };
}
