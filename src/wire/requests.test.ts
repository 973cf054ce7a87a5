import assert from "node:assert/strict";
import { test } from "node:test";
import { FAILURES, REFUSALS } from "../core/kernel/errors.ts";
import { reply, request, results } from "./requests.ts";

test("every verb has a request and a result, and no result is without its verb", () => {
  const verbs = request.options.map(({ shape }) => shape.verb.value);
  assert.deepEqual(new Set(verbs), new Set(Object.keys(results)));
  assert.equal(new Set(verbs).size, verbs.length);
});

test("a request is exactly what it says: nothing unknown, nothing out of range", () => {
  const good = { verb: "promote", source: "s", channel: "production", revision: null, reason: "", by: "ann" };
  assert.ok(request.safeParse(good).success);
  for (const bad of [
    { ...good, verb: "demote" },
    { ...good, source: "../s" },
    { ...good, channel: "a/b" },
    { ...good, revision: 0 },
    { ...good, revision: 1.5 },
    { ...good, reason: "x".repeat(1_001) },
    { ...good, force: true },
    { verb: "log", what: "runs", source: null, limit: 10_001 },
    null,
    [],
    "promote",
  ])
    assert.ok(!request.safeParse(bad).success, JSON.stringify(bad));
});

test("a reply carries the codes of the one table", () => {
  for (const code of Object.keys(REFUSALS)) assert.ok(reply.safeParse({ kind: "refused", code, detail: "" }).success);
  for (const code of Object.keys(FAILURES))
    assert.ok(reply.safeParse({ kind: "failed", code, detail: "", retry: "later" }).success);
  assert.ok(!reply.safeParse({ kind: "refused", code: "store.io", detail: "" }).success);
});
