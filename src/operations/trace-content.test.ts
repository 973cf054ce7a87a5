import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { digestOf, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import { promoteChannel, rollBackChannel } from "./promote.ts";
import { traceContent } from "./trace-content.ts";

const SOURCE = specOf({
  trust: { kind: "pinned", digests: {} },
  retention: { revisions: 100, age: 0, rollbackWindow: 1 },
});

/** "poison" comes with revision 2, stays in 3, is gone in 4; pilot shows 1, 2, 3, and goes back to 1. */
async function poisoned(): Promise<House> {
  const house = new House();
  const sync = async (files: Readonly<Record<string, string>>): Promise<void> => {
    house.offer(files);
    await house.sync(SOURCE);
    house.now += HOUR;
  };
  const move = { source: "s", channel: "pilot", by: "ann" };
  await sync({ a: "good" });
  await promoteChannel(house.doors, { ...move, revision: 1, reason: "first" });
  await sync({ a: "poison" });
  await promoteChannel(house.doors, { ...move, revision: 2, reason: "looked fine" });
  await sync({ a: "poison", b: "more" });
  await promoteChannel(house.doors, { ...move, revision: 3, reason: "" });
  house.now += HOUR;
  await rollBackChannel(house.doors, { ...move, revision: 1, reason: "machines fall over", by: "bob" });
  await sync({ a: "mended", b: "more" });
  return house;
}

test("a content's story: who let it in, what bound it, which channels had it from when to when, and by whom", async () => {
  const house = await poisoned();
  const trace = await traceContent(house.doors, digestOf("poison"));
  const [admission, ...more] = trace.admissions;
  assert.equal(more.length, 0);
  assert.deepEqual([admission?.revision, admission?.paths, admission?.size], [2, ["a"], 6]);
  assert.deepEqual([admission?.index?.verdict, admission?.run?.by], ["accepted", "ann"]);
  assert.equal(admission?.sealed?.vouchedBy, (await house.ledger.revision("s", 2))?.vouchedBy);
  assert.deepEqual(
    trace.spans.map(({ channel, brought, ended }) => [channel, brought.to, brought.by, ended?.to, ended?.by]),
    [
      ["staging", 2, "ann", 4, "ann"],
      ["pilot", 2, "ann", 1, "bob"],
    ],
  );
  assert.deepEqual(trace.places, [{ source: "s", since: 2, revision: 3, path: "a" }]);
  assert.deepEqual([trace.stored, trace.complete], [true, true]);
});

test("each number is that of the entry which says so", async () => {
  const house = await poisoned();
  const { admissions, spans } = await traceContent(house.doors, digestOf("poison"));
  const said = async (entry: number | undefined): Promise<[string, unknown]> => {
    const [line = ""] = await house.ledger.auditLines(entry ?? -1, 1);
    const { n, kind, fields } = JSON.parse(line);
    assert.equal(n, entry);
    return [kind, fields.revision ?? fields.to ?? fields.verdict];
  };
  const [admission] = admissions;
  assert.deepEqual(await said(admission?.entry), ["revision.admitted", 2]);
  assert.deepEqual(await said(admission?.sealed?.entry), ["revision.sealed", 2]);
  assert.deepEqual(await said(admission?.index?.entry), ["feed.judged", "accepted"]);
  assert.deepEqual(await said(admission?.run?.entry), ["sync.ended", 2]);
  const last = spans.at(-1);
  assert.deepEqual(await said(last?.brought.entry), ["channel.moved", 2]);
  assert.deepEqual(await said(last?.ended?.entry), ["channel.moved", 1]);
});

test("what was let in twice, and shown again, is told twice", async () => {
  const house = await poisoned();
  house.offer({ a: "poison" });
  await house.sync(SOURCE);
  const { admissions, spans } = await traceContent(house.doors, digestOf("poison"));
  assert.deepEqual(
    admissions.map(({ revision }) => revision),
    [2, 5],
  );
  const staging = spans.filter(({ channel }) => channel === "staging");
  assert.deepEqual(
    staging.map(({ brought, until }) => [brought.to, until === null]),
    [
      [2, false],
      [5, true],
    ],
  );
});

test("blocks of the content and of what brought it are told, those of others not", async () => {
  const house = await poisoned();
  const by = { reason: "bad", by: "bob", at: house.now, expiresAt: null };
  await house.ledger.addRestraint({ on: { kind: "block-digest", sha256: digestOf("poison") }, ...by });
  await house.ledger.addRestraint({ on: { kind: "block-digest", sha256: digestOf("good") }, ...by });
  await house.ledger.addRestraint({ on: { kind: "block-revision", source: "s", revision: 2 }, ...by });
  await house.ledger.addRestraint({ on: { kind: "block-revision", source: "s", revision: 1 }, ...by });
  const { blocks } = await traceContent(house.doors, digestOf("poison"));
  assert.deepEqual(
    new Map(blocks.map(({ id, active }) => [id, active])),
    new Map([
      [1, true],
      [3, true],
    ]),
  );
});

test("the story stays when the source is forgotten, and says that it may not be whole", async () => {
  const house = await poisoned();
  await house.ledger.removeSource("s");
  const trace = await traceContent(house.doors, digestOf("poison"));
  assert.deepEqual([trace.admissions.length, trace.places.length, trace.complete], [1, 0, false]);
  assert.equal(trace.spans.length, 2);
});

test("of what nobody has seen nothing is made up", async () => {
  const house = await poisoned();
  await assert.rejects(
    traceContent(house.doors, digestOf("nobody's")),
    (cause) => cause instanceof Failure && cause.code === "content.unknown",
  );
});
