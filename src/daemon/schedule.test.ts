import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Failure } from "../core/kernel/errors.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../core/kernel/instant.ts";
import { nextRun, Schedule } from "./schedule.ts";

/** Local time, as cron patterns are: a quarter past one, on a Sunday. */
const NOW = new Date(2026, 10, 1, 13, 15).getTime();
const at = (day: number, hour: number, minute: number): number => new Date(2026, 10, day, hour, minute).getTime();

test("a schedule says when the next run is", () => {
  for (const [schedule, lastStart, expected] of [
    ["manual", null, null],
    ["manual", NOW - DAY, null],
    ["every 1h", null, NOW],
    ["every 1h", NOW - 10 * MINUTE, NOW + 50 * MINUTE],
    ["every 1h", NOW - 2 * HOUR, NOW],
    // The clock has been put back since.
    ["every 1h", NOW + 365 * DAY, NOW + HOUR],
    ["every 10s", NOW, NOW + 10 * SECOND],
    ["every 1d 12h", NOW, NOW + 36 * HOUR],
    ["30 * * * *", null, at(1, 13, 30)],
    ["0 4 * * *", NOW - HOUR, at(2, 4, 0)],
    ["15 13 * * 0", null, at(8, 13, 15)],
    ["*/20 1-5 * * mon", null, at(2, 1, 0)],
    [" 30  *  * * * ", null, at(1, 13, 30)],
  ] as const)
    assert.equal(nextRun(schedule, NOW, lastStart), expected, schedule);
});

test("anything else is refused where it is written, and so is what would ask a vendor too often", () => {
  for (const schedule of [
    "",
    "hourly",
    "every",
    "every day",
    "every 9s",
    "every 0s",
    "every -1h",
    "61 * * * *",
    "* * * *",
    // Six fields would be once a second; a date, only once.
    "* * * * * *",
    "0 * * * * * 2030",
    "2030-01-01T00:00:00",
    "@hourly",
    "Manual",
  ])
    assert.throws(
      () => nextRun(schedule, NOW, null),
      (error) => error instanceof Failure && error.code === "source.invalid",
      schedule,
    );
});

function scheduleOf(t: TestContext, random = 0): { readonly schedule: Schedule; readonly due: string[] } {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  const due: string[] = [];
  const schedule = new Schedule(
    () => Date.now(),
    () => random,
    (source) => due.push(source),
  );
  return { schedule, due };
}

const every = (name: string, interval: string, jitter = 0) => ({ name, schedule: `every ${interval}`, jitter });

test("a run is due once, when its time has come, and not before", (t) => {
  const { schedule, due } = scheduleOf(t);
  schedule.plan(every("a", "1h"), NOW);
  schedule.plan(every("b", "2h"), NOW);
  schedule.plan({ name: "c", schedule: "manual", jitter: 0 }, NOW);
  assert.deepEqual([schedule.nextRun("a"), schedule.nextRun("c"), schedule.nextRun("d")], [NOW + HOUR, null, null]);
  t.mock.timers.tick(HOUR - 1);
  assert.deepEqual(due, []);
  t.mock.timers.tick(1);
  assert.deepEqual(due, ["a"]);
  assert.equal(schedule.nextRun("a"), null, "planned again only after the run");
  t.mock.timers.tick(5 * HOUR);
  assert.deepEqual(due, ["a", "b"]);
});

test("what was missed is due at once, also when our clock went back", (t) => {
  const { schedule, due } = scheduleOf(t);
  schedule.plan(every("missed", "1h"), NOW - 9 * HOUR);
  t.mock.timers.tick(1);
  assert.deepEqual(due, ["missed"]);
});

test("the jitter spreads runs, and never brings one forward", (t) => {
  for (const [random, late] of [
    [0, 0],
    [0.5, 150 * SECOND],
    [0.999999, 5 * MINUTE - 1],
  ] as const) {
    const { schedule } = scheduleOf(t, random);
    schedule.plan(every("a", "1h", 5 * MINUTE), NOW);
    assert.equal(schedule.nextRun("a"), NOW + HOUR + late);
    t.mock.timers.reset();
  }
});

test("planning again replaces, and what is forgotten or stopped is never due", (t) => {
  const { schedule, due } = scheduleOf(t);
  schedule.plan(every("a", "1h"), NOW);
  schedule.plan(every("a", "3h"), NOW);
  schedule.plan(every("b", "1h"), NOW);
  schedule.forget("b");
  schedule.plan(every("c", "1h"), NOW);
  schedule.plan({ name: "c", schedule: "manual", jitter: 0 }, NOW);
  t.mock.timers.tick(2 * HOUR);
  assert.deepEqual(due, []);
  t.mock.timers.tick(HOUR);
  assert.deepEqual(due, ["a"]);
  schedule.plan(every("a", "1h"), Date.now());
  schedule.plan(every("b", "1h"), Date.now());
  schedule.stop();
  schedule.plan(every("late", "1h"), null);
  t.mock.timers.tick(10 * HOUR);
  assert.deepEqual(due, ["a"]);
  assert.equal(schedule.nextRun("a"), null);
});

test("a run further off than a timer can hold is due when its time has come, not at once", (t) => {
  const { schedule, due } = scheduleOf(t);
  const timer = t.mock.method(globalThis, "setTimeout");
  schedule.plan(every("yearly", "365d"), NOW);
  t.mock.timers.tick(26 * DAY);
  assert.deepEqual(due, []);
  assert.equal(schedule.nextRun("yearly"), NOW + 365 * DAY);
  for (let day = 26; day < 365; day += 1) t.mock.timers.tick(DAY);
  assert.deepEqual(due, ["yearly"]);
  const delays = timer.mock.calls.map((call) => Number(call.arguments[1]));
  assert.ok(delays.length > 1 && delays.every((delay) => delay < 2 ** 31), String(delays));
});
