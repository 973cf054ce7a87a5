import assert from "node:assert/strict";
import { test } from "node:test";
import { NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import { DAY, HOUR } from "../kernel/instant.ts";
import { alarmSpec } from "../model/check.ts";
import type { Revision } from "../model/revision.ts";
import { revisionAlarms, silenceAlarm } from "./alarms.ts";

const SPEC = alarmSpec.parse({});

function history(count: number, changes: Partial<Revision> = {}): readonly Revision[] {
  return Array.from({ length: count }, (_, at) =>
    revisionOf(at + 1, { bytes: 1_000 + at, files: 10, vouchedBy: "vendor", sealedAt: NOW + at * HOUR, ...changes }),
  );
}

function codes(changes: Partial<Revision>, before = history(5)): readonly string[] {
  const revision = revisionOf(9, { bytes: 1_100, files: 11, vouchedBy: "vendor", ...changes });
  return revisionAlarms(revision, [...before, revision], SPEC)
    .filter(({ outcome }) => outcome === "bad")
    .map(({ code }) => code);
}

test("what is as before raises no alarm", () => {
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes({ bytes: 90_000 }, []), []);
  assert.deepEqual(codes({ bytes: 90_000 }, history(2)), []);
});

test("a jump of bytes or files, up or down, is measured on the usual revision", () => {
  assert.deepEqual(codes({ bytes: 2_500 }), ["alarm.size-jump"]);
  assert.deepEqual(codes({ bytes: 400 }), ["alarm.size-jump"]);
  assert.deepEqual(codes({ files: 21 }), ["alarm.count-jump"]);
  assert.deepEqual(codes({ files: 4 }), ["alarm.count-jump"]);
});

test("another signer, and a version below one that was held, are alarms", () => {
  assert.deepEqual(codes({ vouchedBy: "somebody else" }), ["alarm.signer-changed"]);
  const held = history(4, { series: [{ name: "daily", version: 30 }] });
  assert.deepEqual(codes({ series: [{ name: "daily", version: 29 }] }, held), ["alarm.version-back"]);
  assert.deepEqual(codes({ series: [{ name: "daily", version: 30 }] }, held), []);
});

test("silence is longer than the vendor's habit, and never a word against what is held", () => {
  const hourly = history(10);
  const last = NOW + 9 * HOUR;
  assert.equal(silenceAlarm(hourly, last + 5 * HOUR, SPEC)?.code, "alarm.none");
  const silent = silenceAlarm(hourly, last + 7 * HOUR, SPEC);
  assert.deepEqual([silent?.code, silent?.outcome], ["alarm.vendor-silent", "note"]);
  const daily = history(10).map((each, at) => ({ ...each, sealedAt: NOW + at * DAY }));
  assert.equal(silenceAlarm(daily, NOW + 11 * DAY, SPEC)?.code, "alarm.none");
  assert.equal(silenceAlarm(daily, NOW + 13 * DAY, SPEC)?.code, "alarm.vendor-silent");
  assert.equal(silenceAlarm(history(3), NOW + 90 * DAY, SPEC), null);
});
