import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DAY, formatDuration, formatInstant, HOUR, MINUTE, parseDuration, SECOND } from "./instant.ts";

test("lengths of time are read", () => {
  for (const [text, expected] of [
    ["90s", 90 * SECOND],
    ["1h 30m", 90 * MINUTE],
    ["1h30m", 90 * MINUTE],
    ["250ms", 250],
    ["1.5s", 1_500],
    [" 2 d ", 2 * DAY],
    ["0s", 0],
    ["1d 1h 1m 1s 1ms", DAY + HOUR + MINUTE + SECOND + 1],
  ] as const)
    assert.equal(parseDuration(text), expected, text);
});

test("what is no length of time is null, never a number that somebody did not mean", () => {
  for (const text of ["", " ", "5", "h", "1 hour", "-5s", "1h!", "1e3s", "1,5s", "s1", "9".repeat(400).concat("d")])
    assert.equal(parseDuration(text), null, text);
});

test("a written length of time reads as itself, in its two largest units", () => {
  assert.equal(formatDuration(0), "0ms");
  assert.equal(formatDuration(999), "999ms");
  assert.equal(formatDuration(2 * DAY + 4 * HOUR + 7 * MINUTE), "2d 4h");
  assert.equal(formatDuration(DAY + MINUTE), "1d 1m");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * DAY }), (duration) => {
      const read = parseDuration(formatDuration(duration));
      assert.ok(read !== null);
      // What the third unit and those below it hold is left out: less than one of the second.
      const lost = duration < SECOND ? 0 : duration < HOUR ? SECOND : duration < DAY ? MINUTE : HOUR;
      assert.ok(Math.abs(read - duration) <= lost, `${duration} as ${formatDuration(duration)}`);
    }),
  );
});

test("a length of time of two units comes back whole", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 23 }), (days, hours) => {
      assert.equal(parseDuration(formatDuration(days * DAY + hours * HOUR)), days * DAY + hours * HOUR);
    }),
  );
});

test("an instant is written to the second, and reads as itself", () => {
  assert.equal(formatInstant(Date.UTC(2026, 10, 23, 16, 40)), "2026-11-23T16:40:00Z");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / SECOND }), (seconds) => {
      assert.equal(Date.parse(formatInstant(seconds * SECOND + 999)), seconds * SECOND);
    }),
  );
});

test("a time beyond the calendar, which a vendor may write, is written and does not throw", () => {
  for (const instant of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 8.64e15 + 1])
    assert.match(formatInstant(instant), /^[+-]\d{6}-/);
});
