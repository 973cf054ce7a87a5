import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { HOUR, MINUTE } from "./instant.ts";
import { isTimeZone, localTime, nextLocalMinute } from "./local-time.ts";

const at = (text: string): number => Date.parse(text);

test("a moment as a place's clocks show it", () => {
  assert.deepEqual(localTime(at("2026-11-25T23:30:00Z"), "Europe/Berlin"), { weekday: 4, minutes: 30 });
  assert.deepEqual(localTime(at("2026-07-01T12:00:00Z"), "America/New_York"), { weekday: 3, minutes: 8 * 60 });
  assert.deepEqual(localTime(at("2026-01-04T00:00:00Z"), "UTC"), { weekday: 0, minutes: 0 });
  assert.deepEqual(localTime(at("2026-06-01T00:00:00Z"), "Asia/Kathmandu"), { weekday: 1, minutes: 5 * 60 + 45 });
});

test("only zones that the runtime knows", () => {
  for (const zone of ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"]) assert.ok(isTimeZone(zone), zone);
  for (const zone of ["", "Mars/Olympus", "Europe/", "x".repeat(500)]) assert.ok(!isTimeZone(zone), zone);
});

test("the next time that the clocks show, also when they change before it", () => {
  const berlin = (from: string, minutes: number): string =>
    new Date(nextLocalMinute(at(from), "Europe/Berlin", minutes)).toISOString();
  assert.equal(berlin("2026-11-25T10:00:00Z", 7 * 60), "2026-11-26T06:00:00.000Z");
  // Clocks go back in the night to 25 October 2026, and forward in that to 29 March 2026.
  assert.equal(berlin("2026-10-24T20:00:00Z", 7 * 60), "2026-10-25T06:00:00.000Z");
  assert.equal(berlin("2026-03-28T20:00:00Z", 7 * 60), "2026-03-29T05:00:00.000Z");
  // 02:30 is left out on that morning.
  assert.equal(berlin("2026-03-28T20:00:00Z", 150), "2026-03-29T01:30:00.000Z");
});

test("it is later, within a day and an hour, and shows the time unless the day leaves it out", () => {
  const zone = fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata");
  const start = at("2026-01-01T00:00:00Z");
  fc.assert(
    fc.property(
      zone,
      fc.integer({ min: 0, max: 366 * 24 * 60 }),
      fc.integer({ min: 0, max: 1439 }),
      (where, n, minutes) => {
        const from = start + n * MINUTE;
        const next = nextLocalMinute(from, where, minutes);
        assert.ok(next > from && next - from <= 25 * HOUR, `${next - from}`);
        const shown = localTime(next, where).minutes;
        assert.ok(shown === minutes || Math.abs(shown - minutes) <= 60, `${shown} for ${minutes}`);
      },
    ),
  );
});
