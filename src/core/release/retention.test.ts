import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { digestOf, NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import { HOUR } from "../kernel/instant.ts";
import type { ChannelPosition } from "../model/channel.ts";
import { decideRollback } from "./decide-rollback.ts";
import { planBlobCollection, surplusRevisions } from "./retention.ts";

function position(channel: string, revision: number): ChannelPosition {
  return { source: "s", channel, revision, movedAt: NOW, moves: 1, steps: [{ revision, movedAt: NOW }] };
}

const numbers = (surplus: ReturnType<typeof surplusRevisions>) => surplus.map(({ revision }) => revision);

test("the newest stay, and what a channel shows, and what a rollback would lead to", () => {
  const revisions = [1, 2, 3, 4, 5, 6].map((number) => revisionOf(number));
  assert.deepEqual(numbers(surplusRevisions(revisions, [], new Set(), 2)), [4, 3, 2, 1]);
  assert.deepEqual(numbers(surplusRevisions(revisions, [position("production", 3)], new Set([1]), 2)), [4, 2]);
  assert.deepEqual(surplusRevisions(revisions, [], new Set(), 6), []);
  assert.deepEqual(surplusRevisions([], [], new Set(), 1), []);
});

test("no revision that a channel shows, or that its rollback would lead to, is ever surplus", () => {
  const history = fc.record({
    held: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
    channels: fc.array(fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 6 }), { maxLength: 3 }),
    keep: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(history, ({ held, channels, keep }) => {
      const revisions = held.map((number) => revisionOf(number));
      const holding = new Map(revisions.map((revision) => [revision.number, revision]));
      const rollbackOf = (index: number, moves: readonly number[]) =>
        decideRollback({
          first: false,
          channel: `c${index}`,
          asked: null,
          position: position(`c${index}`, moves.at(-1) ?? 0),
          history: new Set(moves),
          held: holding,
        });
      // Every channel's moves, each to a revision that was held, the last one its position.
      const moved = channels.map((moves) => moves.map((each) => held[each % held.length] ?? 0));
      const targets = moved.flatMap((moves, index) => {
        const decision = rollbackOf(index, moves);
        return decision.kind === "may-move" ? [decision.revision.number] : [];
      });
      const positions = moved.map((moves, index) => position(`c${index}`, moves.at(-1) ?? 0));
      const surplus = numbers(surplusRevisions(revisions, positions, new Set(targets), keep));
      const newest = held.toSorted((a, b) => b - a).slice(0, keep);
      for (const number of [...targets, ...newest, ...positions.map(({ revision }) => revision)])
        assert.ok(!surplus.includes(number), `revision ${number} is needed`);
      assert.equal(
        surplus.length + new Set([...targets, ...newest, ...positions.map((p) => p.revision)]).size,
        held.length,
      );
    }),
  );
});

const blob = (name: string, admittedAt: number) => ({ sha256: digestOf(name), size: name.length, admittedAt });

test("a blob goes when nothing has named it for the grace, counted from when that was first seen and from its admission", () => {
  const old = NOW - 100 * HOUR;
  const stored = [blob("named", old), blob("loose", old), blob("fresh", NOW - HOUR), blob("unseen", old)];
  const since = new Map([
    [digestOf("loose"), NOW - 24 * HOUR],
    [digestOf("fresh"), old],
    [digestOf("named"), old],
  ]);
  const plan = (now: number) => {
    const { remove, waiting } = planBlobCollection(stored, new Set([digestOf("named")]), since, now, 24 * HOUR);
    return [remove.map(({ sha256 }) => sha256), waiting];
  };
  assert.deepEqual(plan(NOW - 1), [[], 3]);
  assert.deepEqual(plan(NOW), [[digestOf("loose")], 2]);
  assert.deepEqual(plan(NOW + 23 * HOUR), [[digestOf("loose"), digestOf("fresh")], 1]);
});

test("no blob within the grace is removed, and none that is named", () => {
  const hours = fc.integer({ min: 0, max: 60 });
  const blobs = fc.array(fc.record({ admitted: hours, loose: fc.option(hours), named: fc.boolean() }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(blobs, hours, hours, (given, now, grace) => {
      const stored = given.map(({ admitted }, index) => blob(`b${index}`, admitted));
      const loose = new Map(
        given.flatMap(({ loose: since }, i) => (since === null ? [] : [[digestOf(`b${i}`), since] as const])),
      );
      const named = new Set(given.flatMap((each, i) => (each.named ? [digestOf(`b${i}`)] : [])));
      const plan = planBlobCollection(stored, named, loose, now, grace);
      for (const { sha256, admittedAt } of plan.remove) {
        assert.ok(!named.has(sha256));
        assert.ok(now - admittedAt >= grace && now - (loose.get(sha256) ?? now) >= grace);
      }
      assert.equal(plan.remove.length + plan.waiting, given.filter((each) => !each.named).length);
    }),
  );
});
