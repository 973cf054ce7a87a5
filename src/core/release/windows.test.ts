import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DAY, HOUR, MINUTE } from "../kernel/instant.ts";
import { aheadOfUtc } from "../kernel/wall-time.ts";
import { releasePolicy } from "../model/policy.ts";
import { isOpen, nextOpening, type Windows } from "./windows.ts";

const ZONES = [
  "UTC",
  "Europe/Helsinki",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "Africa/Casablanca",
];

function windowsOf(given: { readonly hours?: unknown; readonly blackout?: unknown }): Windows {
  const [ring] = releasePolicy.parse({ rings: [{ channel: "staging", ...given }] }).rings;
  assert.ok(ring !== undefined);
  return ring;
}

test("hours are those of the zone, in summer and in winter", () => {
  const windows = windowsOf({ hours: [{ days: ["mon"], from: "08:00", to: "16:00" }] });
  // 2026-07-06 and 2026-12-07 are Mondays; Helsinki is 3 and 2 hours ahead.
  assert.ok(isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 6, 6, 5, 0)));
  assert.ok(!isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 6, 6, 13, 0)));
  assert.ok(!isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 11, 7, 5, 0)));
  assert.ok(isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 11, 7, 13, 59)));
  assert.ok(!isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 11, 8, 10, 0)));
});

test("a window over midnight belongs to the day on which it begins", () => {
  const windows = windowsOf({ hours: [{ days: ["fri"], from: "22:00", to: "02:00" }] });
  assert.ok(isOpen(windows, "UTC", Date.UTC(2026, 10, 27, 23, 0)));
  assert.ok(isOpen(windows, "UTC", Date.UTC(2026, 10, 28, 1, 59)));
  assert.ok(!isOpen(windows, "UTC", Date.UTC(2026, 10, 28, 2, 0)));
  assert.ok(!isOpen(windows, "UTC", Date.UTC(2026, 10, 27, 1, 0)));
});

test("the hour that spring leaves out does not come that day, and the ring opens on the next", () => {
  const windows = windowsOf({ hours: [{ from: "03:10", to: "03:50" }] });
  // Helsinki, 2026-03-29: 03:00 becomes 04:00.
  const saturday = Date.UTC(2026, 2, 28, 20, 0);
  assert.equal(nextOpening(windows, "Europe/Helsinki", saturday), Date.UTC(2026, 2, 30, 0, 10));
});

test("the hour that autumn repeats comes twice", () => {
  const windows = windowsOf({ hours: [{ from: "03:10", to: "03:50" }] });
  // Helsinki, 2026-10-25: 04:00 becomes 03:00 again.
  const open = (minutes: number) => isOpen(windows, "Europe/Helsinki", Date.UTC(2026, 9, 25, 0, minutes));
  assert.deepEqual(
    [open(9), open(10), open(49), open(50), open(70), open(109), open(110)],
    [false, true, true, false, true, true, false],
  );
});

test("a blackout of weeks ends where it says, in the time that then is", () => {
  const windows = windowsOf({ blackout: [{ begin: "2026-03-01T08:00", end: "2026-04-01T08:00" }] });
  assert.equal(nextOpening(windows, "Europe/Helsinki", Date.UTC(2026, 2, 10)), Date.UTC(2026, 3, 1, 5, 0));
});

test("what never opens is told as such", () => {
  const windows = windowsOf({ hours: [{ days: ["mon"] }], blackout: [{ days: ["mon"] }] });
  assert.equal(nextOpening(windows, "UTC", Date.UTC(2026, 10, 1)), null);
});

test("zones are names of the tables, and no mere differences", () => {
  const isZone = (zone: string) => releasePolicy.shape.zone.safeParse(zone).success;
  assert.ok(ZONES.every(isZone));
  for (const none of ["+02:00", "Europe/Nowhere", "", "UTC+2", "../x"]) assert.ok(!isZone(none), none);
});

const weekly = fc.record({
  days: fc.subarray(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], { minLength: 1 }),
  from: fc.constantFrom("00:00", "01:30", "02:15", "08:00", "23:30"),
  to: fc.constantFrom("02:45", "03:00", "12:00", "24:00", "01:00"),
});

test("the next opening is open, and nothing before it is, also around changes of clocks in any zone", () => {
  // Around each zone's changes in 2026, and any other week.
  const from = fc.oneof(
    fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2026, 11, 31) }),
    fc
      .constantFrom(
        Date.UTC(2026, 2, 29),
        Date.UTC(2026, 9, 25),
        Date.UTC(2026, 2, 8),
        Date.UTC(2026, 10, 1),
        Date.UTC(2026, 3, 4),
        Date.UTC(2026, 1, 15),
      )
      .chain((day) => fc.integer({ min: day - DAY, max: day + DAY })),
  );
  fc.assert(
    fc.property(
      fc.array(weekly, { maxLength: 3 }),
      fc.array(weekly, { maxLength: 2 }),
      fc.constantFrom(...ZONES),
      from,
      (hours, blackout, zone, start) => {
        const windows = windowsOf({ hours, blackout });
        const opening = nextOpening(windows, zone, start);
        if (opening === null) return;
        assert.ok(isOpen(windows, zone, opening));
        for (let at = start; at < Math.min(opening, start + 3 * DAY); at += 7 * MINUTE)
          assert.ok(!isOpen(windows, zone, at), new Date(at).toISOString());
        assert.ok(opening === start || !isOpen(windows, zone, opening - 1));
      },
    ),
    { numRuns: 150 },
  );
});

test("local time is that of the zone's clocks", () => {
  assert.equal(aheadOfUtc("Asia/Kathmandu", Date.UTC(2026, 5, 1)), 5.75 * HOUR);
  assert.equal(aheadOfUtc("Australia/Lord_Howe", Date.UTC(2026, 0, 1)), 11 * HOUR);
  assert.equal(aheadOfUtc("UTC", 12_345), 0);
});
