import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { digestOf, NOW, revisionOf } from "../../../test/fixtures/intake.ts";
import { DAY, HOUR, MINUTE } from "../kernel/instant.ts";
import type { Restraint } from "../model/restraint.ts";
import { decideRollback } from "./decide-rollback.ts";
import { judgeRetention, planBlobCollection, planText, weighContents } from "./retention.ts";

type Facts = Parameters<typeof judgeRetention>[0];

const RULE = { revisions: 1, age: 0, rollbackWindow: 1, automatic: false } as const;

function factsOf(given: Partial<Facts> & { readonly held: readonly number[] }): Facts {
  return {
    source: "s",
    rule: RULE,
    // One a day, the newest a day old.
    revisions: given.held.map((number) => ({ number, sealedAt: NOW - (Math.max(...given.held) - number + 1) * DAY })),
    positions: [],
    moves: [],
    awaited: new Set(),
    proposed: new Set(),
    restraints: [],
    now: NOW,
    grace: HOUR,
    ...given,
  };
}

const goes = (facts: Facts) =>
  judgeRetention(facts)
    .filter(({ stays }) => stays.length === 0)
    .map(({ revision }) => revision);

function whyStays(facts: Facts, number: number): readonly string[] {
  const found = judgeRetention(facts).find(({ revision }) => revision === number);
  return (found?.stays ?? []).map((each) => `${each.for}:${each.detail}`);
}

const moved = (channel: string, to: number, ago: number) => ({ channel, to, at: NOW - ago });
const restraint = (on: Restraint["on"], at = NOW) => ({ id: 9, on, at });

test("the newest stay, and the young, whichever are more", () => {
  const held = [1, 2, 3, 4, 5, 6];
  assert.deepEqual(goes(factsOf({ held, rule: { ...RULE, revisions: 2 } })), [4, 3, 2, 1]);
  assert.deepEqual(goes(factsOf({ held, rule: { ...RULE, age: 4 * DAY } })), [3, 2, 1]);
  assert.deepEqual(goes(factsOf({ held, rule: { ...RULE, revisions: 4, age: 2 * DAY } })), [2, 1]);
  assert.deepEqual(goes(factsOf({ held, rule: { ...RULE, revisions: 6 } })), []);
  assert.deepEqual(judgeRetention(factsOf({ held: [] })), []);
});

test("each need keeps its revision, and says whose it is", () => {
  const held = [1, 2, 3, 4, 5, 6];
  const positions = [
    { channel: "production", revision: 3 },
    { channel: "pilot", revision: 3 },
  ];
  assert.deepEqual(whyStays(factsOf({ held, positions }), 3), ["shown:pilot, production"]);
  assert.deepEqual(whyStays(factsOf({ held, awaited: new Set([2]) }), 2), ["awaited:"]);
  assert.deepEqual(whyStays(factsOf({ held, proposed: new Set([2]) }), 2), ["proposed:"]);
  const pin = restraint({ kind: "pin", source: "s", channel: "pilot", revision: 2 });
  assert.deepEqual(whyStays(factsOf({ held, restraints: [pin] }), 2), ["pinned:number 9"]);
  const foreign = restraint({ kind: "pin", source: "t", channel: "pilot", revision: 2 });
  assert.deepEqual(goes(factsOf({ held, restraints: [foreign] })), [5, 4, 3, 2, 1]);
  // What was there when the hold was put: of 1 to 6, one a day, those up to three days ago.
  const hold = restraint({ kind: "hold", source: null, channel: "pilot" }, NOW - 3 * DAY);
  assert.deepEqual(goes(factsOf({ held, restraints: [hold] })), [5]);
  assert.deepEqual(
    goes(factsOf({ held, restraints: [restraint({ ...hold.on, source: "t" } as Restraint["on"])] })),
    [5, 4, 3, 2, 1],
  );
});

test("a channel keeps its last revisions that are still held, and one step back, and for the grace what it has left", () => {
  const moves = [moved("p", 6, 2 * HOUR), moved("p", 4, 3 * HOUR), moved("p", 3, 4 * HOUR), moved("p", 1, 5 * HOUR)];
  const facts = factsOf({ held: [1, 3, 4, 6, 9], moves, positions: [{ channel: "p", revision: 6 }] });
  // With a window of one the plain rollback still leads to 4.
  assert.deepEqual(goes(facts), [3, 1]);
  assert.deepEqual(goes({ ...facts, rule: { ...RULE, rollbackWindow: 3 } }), [1]);
  const without = { ...facts, revisions: facts.revisions.filter(({ number }) => number !== 4) };
  assert.deepEqual(goes({ ...without, rule: { ...RULE, rollbackWindow: 3 } }), []);
  // A channel that was taken back: a client may still hold what it showed until then.
  const back = [moved("p", 1, 59 * MINUTE), moved("p", 4, 3 * HOUR)];
  const taken = factsOf({ held: [1, 4, 9], moves: back, positions: [{ channel: "p", revision: 1 }] });
  assert.deepEqual(whyStays(taken, 4), ["leaving:p"]);
  assert.deepEqual(goes({ ...taken, now: NOW + MINUTE }), [4]);
});

const number = fc.integer({ min: 1, max: 12 });
const channel = fc.constantFrom("a", "b", "c");
const anyRestraint = fc.record({
  id: fc.nat({ max: 3 }),
  at: fc.integer({ min: 0, max: 400 }).map((hours) => NOW - hours * HOUR),
  on: fc.oneof(
    fc.record({
      kind: fc.constant("hold" as const),
      source: fc.constantFrom("s", "t", null),
      channel: fc.option(channel),
    }),
    fc.record({ kind: fc.constant("pin" as const), source: fc.constantFrom("s", "t"), channel, revision: number }),
    fc.record({ kind: fc.constant("block-revision" as const), source: fc.constant("s"), revision: number }),
  ),
});
const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    held: fc.uniqueArray(number, { minLength: 1 }),
    moves: fc.array(fc.record({ channel, to: number, ago: fc.nat({ max: 300 }) }), { maxLength: 12 }),
    rule: fc.record({
      revisions: fc.integer({ min: 1, max: 5 }),
      age: fc.nat({ max: 8 }).map((days) => days * DAY),
      rollbackWindow: fc.integer({ min: 1, max: 4 }),
      automatic: fc.boolean(),
    }),
    awaited: fc.array(number, { maxLength: 2 }),
    proposed: fc.array(number, { maxLength: 2 }),
    restraints: fc.array(anyRestraint, { maxLength: 3 }),
    grace: fc.nat({ max: 100 }).map((hours) => hours * HOUR),
  })
  .map(({ held, moves, awaited, proposed, ...rest }) => {
    // A channel only ever moves to what was held; the newest move is where it is.
    const done = moves
      .map(({ channel: name, to, ago }) => ({ channel: name, to: held[to % held.length] ?? 1, at: NOW - ago * HOUR }))
      .toSorted((a, b) => b.at - a.at);
    const positions = [...new Set(done.map((move) => move.channel))].map((name) => ({
      channel: name,
      revision: done.find((move) => move.channel === name)?.to ?? 1,
    }));
    return factsOf({ held, moves: done, positions, awaited: new Set(awaited), proposed: new Set(proposed), ...rest });
  });

/** The rule again, told another way round: for each revision, whether anything at all needs it. */
function needed(facts: Facts, of: Facts["revisions"][number]): boolean {
  const { rule, revisions, positions, moves, restraints, now, grace } = facts;
  if (revisions.filter((other) => other.number > of.number).length < rule.revisions) return true;
  if (now - of.sealedAt < rule.age) return true;
  if (facts.awaited.has(of.number) || facts.proposed.has(of.number)) return true;
  for (const { on, at } of restraints) {
    if (on.kind === "pin" && on.source === "s" && on.revision === of.number) return true;
    if (on.kind === "hold" && on.source !== "t" && of.sealedAt <= at) return true;
  }
  return positions.some((position) => {
    if (position.revision === of.number) return true;
    const own = moves.filter((move) => move.channel === position.channel);
    const back = decideRollback({
      first: false,
      channel: position.channel,
      asked: null,
      position: { ...position, source: "s", movedAt: NOW, moves: 1, steps: [] },
      history: new Set(own.map(({ to }) => to)),
      held: new Map(revisions.map((each) => [each.number, revisionOf(each.number)])),
    });
    if (back.kind === "may-move" && back.revision.number === of.number) return true;
    const first = own.findIndex(({ to }) => to === of.number);
    if (first === -1) return false;
    const ahead = own.slice(0, first).filter(({ to }) => revisions.some((each) => each.number === to));
    if (new Set(ahead.map(({ to }) => to)).size < rule.rollbackWindow) return true;
    return own.some((move, index) => move.to === of.number && index > 0 && now - (own[index - 1]?.at ?? 0) < grace);
  });
}

test("exactly what nothing needs goes, for any history, and it does not matter in which order the facts come", () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const expected = facts.revisions.filter((each) => !needed(facts, each)).map((each) => each.number);
      const found = goes(facts);
      assert.deepEqual(
        found,
        expected.toSorted((a, b) => b - a),
      );
      const { revisions, positions, restraints } = facts;
      const turned = {
        ...facts,
        revisions: revisions.toReversed(),
        positions: positions.toReversed(),
        restraints: restraints.toReversed(),
      };
      assert.deepEqual(judgeRetention(turned), judgeRetention(facts));
    }),
    { numRuns: 500 },
  );
});

test("to remove what goes, or any part of it, makes nothing else go and nothing else stay", () => {
  fc.assert(
    fc.property(anyFacts, fc.infiniteStream(fc.boolean()), (facts, coins) => {
      const going = goes(facts);
      const gone = new Set(going.filter(() => coins.next().value));
      const left = { ...facts, revisions: facts.revisions.filter((each) => !gone.has(each.number)) };
      assert.deepEqual(
        goes(left),
        going.filter((each) => !gone.has(each)),
      );
    }),
    { numRuns: 500 },
  );
});

const size = (content: string): number => content.charCodeAt(0);
const anyWeighed = fc.array(
  fc.record({
    kept: fc.uniqueArray(fc.integer({ min: 1, max: 9 })),
    gone: fc.uniqueArray(fc.integer({ min: 1, max: 9 })),
    spans: fc.array(
      fc.record({
        content: fc.constantFrom("a", "b", "c", "d", "e", "f"),
        since: fc.integer({ min: 1, max: 9 }),
        length: fc.option(fc.integer({ min: 1, max: 9 })),
      }),
      { maxLength: 8 },
    ),
  }),
  { maxLength: 3 },
);

test("a content is counted once, for the first that goes, and not at all when what stays names it", () => {
  fc.assert(
    fc.property(anyWeighed, (given) => {
      const sources = given.map(({ kept, gone, spans }, index) => ({
        source: `s${index}`,
        kept: kept.filter((number) => !gone.includes(number)).toSorted((a, b) => a - b),
        gone: gone.toSorted((a, b) => a - b),
        spans: spans.map(({ content, since, length }) => ({
          sha256: digestOf(content),
          size: size(content),
          since,
          until: length === null ? null : since + length,
        })),
      }));
      const { named, freed } = weighContents(sources);
      // The same told slowly: every revision with everything that stands in it.
      const within = (spans: (typeof sources)[number]["spans"], number: number) =>
        spans.filter(({ since, until }) => since <= number && (until === null || number < until));
      const stays = new Set(
        sources.flatMap(({ kept, spans }) => kept.flatMap((number) => within(spans, number).map((one) => one.sha256))),
      );
      assert.deepEqual(new Set(named), stays);
      const counted = new Set(stays);
      for (const { source, gone, spans } of sources) {
        for (const number of gone) {
          let bytes = 0;
          for (const one of within(spans, number)) {
            if (!counted.has(one.sha256)) bytes += one.size;
            counted.add(one.sha256);
          }
          assert.equal(freed.get(source)?.get(number), bytes);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a plan's text is one for one plan, in whatever order, and another for any other plan", () => {
  const revisions = [
    { source: "a", revision: 1 },
    { source: "b", revision: 2 },
  ];
  const loose = [{ sha256: digestOf("x") }, { sha256: digestOf("y") }];
  const text = planText(revisions, loose);
  assert.equal(planText(revisions.toReversed(), loose.toReversed()), text);
  assert.notEqual(planText(revisions.slice(1), loose), text);
  assert.notEqual(planText(revisions, loose.slice(1)), text);
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
