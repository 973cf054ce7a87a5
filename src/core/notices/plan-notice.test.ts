import assert from "node:assert/strict";
import test from "node:test";
import { HOUR, MINUTE, SECOND } from "../kernel/instant.ts";
import { nextStep } from "./next-step.ts";
import { dueAt, GIVE_UP_AFTER, nextTry, wantsEvent } from "./plan-notice.ts";
import { subscriber } from "./subscriber.ts";
import { mailOf, webhookBody } from "./write-notice.ts";

const mail = { server: "smtp://mail.example", from: "ringfort@example.org", to: ["ops@example.org"] };
const webhook = { url: "https://hooks.example/x", secretFile: "secret" };
const night = { from: "22:00", to: "07:00", zone: "Europe/Berlin" };
const at = (text: string): number => Date.parse(text);
const [ERROR, WARNING, NOTICE] = [3, 4, 5];

test("a subscriber is told of what it asks for, and weighs enough", () => {
  const ops = subscriber.parse({ mail, events: ["sync.*", "*.failed"], least: "warning" });
  assert.ok(wantsEvent(ops, "sync.ended", WARNING));
  assert.ok(!wantsEvent(ops, "sync.ended", NOTICE));
  assert.ok(!wantsEvent(ops, "channel.moved", ERROR));
  assert.ok(wantsEvent(ops, "address.failed", ERROR));
  assert.ok(!wantsEvent(ops, "notice.failed", ERROR), "a delivery does not tell of itself");
});

test("quiet hours hold a notice until they end, over midnight; what is grave is told at once", () => {
  const ops = subscriber.parse({ webhook, quiet: night });
  const evening = at("2026-11-25T21:30:00Z");
  assert.equal(dueAt(ops, WARNING, evening), at("2026-11-26T06:00:00Z"));
  assert.equal(dueAt(ops, ERROR, evening), evening);
  const noon = at("2026-11-25T12:00:00Z");
  assert.equal(dueAt(ops, WARNING, noon), noon);
  const all = subscriber.parse({ webhook, quiet: { ...night, except: "none" } });
  assert.equal(dueAt(all, ERROR, evening), at("2026-11-26T06:00:00Z"));
  const never = subscriber.parse({ webhook, quiet: { from: "07:00", to: "07:00" } });
  assert.equal(dueAt(never, WARNING, noon), noon);
});

test("a mail waits for others, but not into the quiet hours", () => {
  const ops = subscriber.parse({ mail, within: "5m", quiet: night });
  const noon = at("2026-11-25T12:00:00Z");
  assert.equal(dueAt(ops, WARNING, noon), noon + 5 * MINUTE);
  assert.equal(dueAt(ops, WARNING, at("2026-11-25T20:58:00Z")), at("2026-11-26T06:00:00Z"));
});

test("what fails is tried again after ever longer pauses, for a day", () => {
  const pauses = [1, 2, 3, 8, 20, 60].map((tries) => (nextTry(tries, 0, 0) ?? 0) / SECOND);
  assert.deepEqual(pauses, [10, 20, 40, 1_280, 3_600, 3_600]);
  assert.equal(nextTry(30, 0, GIVE_UP_AFTER - HOUR + 1), null);
});

test("a subscriber is told in one way, at addresses that can add no header", () => {
  for (const bad of [
    {},
    { mail, webhook },
    { mail: { ...mail, to: [] } },
    { mail: { ...mail, to: ["a@b\r\nBcc: c@d"] } },
    { mail: { ...mail, from: "Ops <ops@example.org>" } },
    { mail: { ...mail, server: "http://mail.example" } },
    { webhook: { ...webhook, url: "ftp://x/" } },
    { webhook, quiet: { from: "25:00", to: "07:00" } },
    { webhook, quiet: { from: "22:00", to: "07:00", zone: "Nowhere" } },
  ])
    assert.ok(!subscriber.safeParse(bad).success, JSON.stringify(bad));
});

test("a notice names the next thing to do, and takes no commands from outside", () => {
  const refused = {
    at: 0,
    name: "feed.refused",
    fields: { source: "clamav", code: "feed.unsigned", detail: "x\u001b[2J\r\nBcc: y" },
  };
  const advice = (code: string): string => `about ${code}`;
  assert.equal(nextStep(refused, advice), "about feed.unsigned");
  assert.match(nextStep({ at: 0, name: "revision.sealed", fields: { source: "s", revision: 7 } }, advice), /promote s/);
  const told = { event: refused, next: "wait" };
  const one = mailOf("mirror", [told]);
  assert.equal(one.subject, "[mirror] feed.refused clamav feed.unsigned");
  assert.ok(!/[\u001b\r]/.test(one.text) && one.text.includes("next: wait"));
  assert.match(mailOf("mirror", [told, told]).subject, /^\[mirror\] 2 events/);
  assert.deepEqual(JSON.parse(webhookBody("mirror", told)), {
    type: "feed.refused",
    timestamp: "1970-01-01T00:00:00Z",
    data: { mirror: "mirror", ...refused.fields, next: "wait" },
  });
});
