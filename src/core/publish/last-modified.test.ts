import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Instant } from "../kernel/instant.ts";
import type { ChannelStep, MoveKind } from "../model/channel.ts";
import { lastModified, MOST_STEPS, nextMove } from "./last-modified.ts";

/** What one path is in one revision: `null` where it is absent. */
interface Content {
  readonly content: number;
  readonly builtAt: Instant | null;
  readonly since: number;
}
type History = readonly (readonly (Content | null)[])[];

const NOW = Date.UTC(2026, 10, 23);
const PATHS = 4;

/** Revisions in which each path keeps its content, changes it, or goes. */
const history: fc.Arbitrary<History> = fc
  .array(
    fc.array(
      fc.record({
        change: fc.constantFrom("keep", "keep", "change", "gone"),
        builtAt: fc.option(fc.integer({ min: -1e8, max: 8e7 })),
      }),
      { minLength: PATHS, maxLength: PATHS },
    ),
    {
      minLength: 2,
      maxLength: 12,
    },
  )
  .map((revisions) => {
    const made: (Content | null)[][] = [];
    for (const [index, choices] of revisions.entries()) {
      made.push(
        choices.map(({ change, builtAt }, path): Content | null => {
          const before = made.at(-1)?.[path] ?? null;
          if (change === "gone") return null;
          if (change === "keep" && before !== null) return before;
          return { content: index + 1, builtAt: builtAt === null ? null : NOW + builtAt, since: index + 1 };
        }),
      );
    }
    return made;
  });

/** Moves by what they aim at, with the clock's reading at each: it may jump back. */
const moves = fc.array(
  fc.record({ aim: fc.nat(), back: fc.boolean(), clock: fc.integer({ min: NOW - 1e8, max: NOW + 1e8 }) }),
  { minLength: 1, maxLength: 30 },
);

interface State {
  readonly revision: number;
  readonly movedAt: Instant;
  readonly steps: readonly ChannelStep[];
}

function newest(revision: readonly (Content | null)[]): Instant | null {
  const times = revision.flatMap((each) => (each?.builtAt == null ? [] : [each.builtAt]));
  return times.length === 0 ? null : Math.max(...times);
}

test("Last-Modified rises with every change, forward and back, and stays while nothing changes", () => {
  fc.assert(
    fc.property(history, moves, (revisions, wanted) => {
      let present: State | null = null;
      const shown = new Map<number, { readonly content: number; readonly since: number; readonly time: Instant }>();
      const visited = new Set<number>();
      for (const { aim, back, clock } of wanted) {
        const here: number = present?.revision ?? 0;
        const choices: readonly number[] =
          back && present !== null
            ? [...visited].filter((n) => n < here)
            : revisions.map((_, i) => i + 1).filter((n) => n > here);
        const target: number | undefined = choices[aim % Math.max(1, choices.length)];
        if (target === undefined) continue;
        const kind: MoveKind = target < here ? "rollback" : "promotion";
        const moved = nextMove({
          present,
          now: clock,
          newestShown: present === null ? null : newest(revisions[here - 1] ?? []),
          kind,
          target,
        });
        assert.ok(moved.movedAt % 1_000 === 0 && (present === null || moved.movedAt >= present.movedAt + 1_000));
        present = { revision: target, ...moved };
        visited.add(target);
        for (const [path, entry] of (revisions[target - 1] ?? []).entries()) {
          if (entry === null) continue;
          const time = lastModified(entry.since, entry.builtAt, moved.steps);
          assert.equal(time % 1_000, 0);
          assert.ok(entry.builtAt === null || time >= entry.builtAt, "older than the content");
          const before = shown.get(path);
          if (before !== undefined) {
            assert.ok(time >= before.time, "it went back");
            if (before.content !== entry.content) assert.ok(time >= before.time + 1_000, "a change that nobody sees");
            else if (kind === "promotion" && before.since === entry.since && visited.size > 1)
              assert.ok(time === before.time || !inRow(path), "it moved without a change");
          }
          shown.set(path, { content: entry.content, since: entry.since, time });
        }

        /** Whether the path was there in the revision before this move too: one that went and came is a change. */
        function inRow(path: number): boolean {
          return here > 0 && (revisions[here - 1]?.[path] ?? null) !== null;
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test("the first move needs no history, and the clock's milliseconds are dropped", () => {
  assert.deepEqual(nextMove({ present: null, now: NOW + 999, newestShown: null, kind: "promotion", target: 3 }), {
    steps: [{ revision: 3, movedAt: NOW }],
    movedAt: NOW,
  });
});

test("two moves within a second, and one after a clock set back, are a second apart", () => {
  const present = { revision: 3, movedAt: NOW, steps: [{ revision: 3, movedAt: NOW }] };
  for (const now of [NOW, NOW + 500, NOW - 1e9])
    assert.equal(nextMove({ present, now, newestShown: null, kind: "promotion", target: 4 }).movedAt, NOW + 1_000);
});

test("a move is later than a build time from the future that was shown", () => {
  const present = { revision: 3, movedAt: NOW, steps: [{ revision: 3, movedAt: NOW }] };
  const ahead = NOW + 7_200_500;
  const { steps, movedAt } = nextMove({ present, now: NOW + 10_000, newestShown: ahead, kind: "rollback", target: 2 });
  assert.equal(movedAt, NOW + 7_202_000);
  assert.deepEqual(steps, [{ revision: 2, movedAt }]);
});

test("steps are folded so that no time goes back", () => {
  let present: State | null = null;
  for (let target = 1; target <= 3 * MOST_STEPS; target++) {
    const before: readonly ChannelStep[] = present?.steps ?? [];
    const moved = nextMove({ present, now: NOW + target * 1_000, newestShown: null, kind: "promotion", target });
    present = { revision: target, ...moved };
    assert.ok(moved.steps.length <= MOST_STEPS);
    for (let since = 1; since < target; since += 7)
      assert.ok(lastModified(since, null, moved.steps) >= lastModified(since, null, before));
  }
  assert.equal(lastModified(3 * MOST_STEPS, null, present?.steps ?? []), present?.movedAt);
});

test("a promotion that goes nowhere is a bug", () => {
  const present = { revision: 3, movedAt: NOW, steps: [{ revision: 3, movedAt: NOW }] };
  assert.throws(() => nextMove({ present, now: NOW, newestShown: null, kind: "promotion", target: 3 }));
});
