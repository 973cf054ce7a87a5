import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContentSummary } from "../model/content-summary.ts";
import { compareContent } from "./content-difference.ts";

function summary(items: ContentSummary["items"], groups: ContentSummary["groups"] = []): ContentSummary {
  return { items, groups, fault: null };
}

test("things are added, removed or changed, by value or by group, and stand in the order of their numbers", () => {
  const before = summary([
    ["10", "alert", "rev 1"],
    ["9", "alert", "rev 1"],
    ["8", "alert", "rev 1"],
    ["7", "alert", "rev 1"],
  ]);
  const after = summary([
    ["10", "alert", "rev 1"],
    ["9", "drop", "rev 1"],
    ["8", "alert", "rev 2"],
    ["11", "pass", "rev 1"],
  ]);
  const { added, removed, changed, items } = compareContent("a.rules", "suricata", before, after);
  assert.deepEqual([added, removed, changed], [1, 1, 2]);
  assert.deepEqual(
    items.map(({ change, name, before: was, after: is }) => [change, name, was, is]),
    [
      ["removed", "7", "rev 1", null],
      ["changed", "8", "rev 1", "rev 2"],
      ["changed", "9", "rev 1", "rev 1"],
      ["added", "11", null, "rev 1"],
    ],
  );
});

test("groups stand side by side, also those of one side alone; a file that is new has nothing before", () => {
  const { groups } = compareContent(
    "a.cvd",
    "clamav",
    summary([], [["ndb", 5]]),
    summary(
      [],
      [
        ["ldb", 2],
        ["ndb", 4],
      ],
    ),
  );
  assert.deepEqual(groups, [
    { name: "ldb", before: 0, after: 2 },
    { name: "ndb", before: 5, after: 4 },
  ]);
  assert.deepEqual(compareContent("a.cvd", "clamav", null, summary([], [["ndb", 4]])).groups, [
    { name: "ndb", before: 0, after: 4 },
  ]);
});

test("a hundred thousand changes are counted, and a thousand told; a fault of either side is said", () => {
  const many = Array.from({ length: 100_000 }, (_, at): ContentSummary["items"][number] => [`p${at}`, "all", "1"]);
  const difference = compareContent("Packages", "debian", null, { ...summary(many), fault: "cut off" });
  assert.deepEqual([difference.added, difference.items.length, difference.fault], [100_000, 1_000, "cut off"]);
});
