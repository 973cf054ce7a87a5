import assert from "node:assert/strict";
import { test } from "node:test";
import { House, indexOf } from "../../test/fixtures/house.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { compareRevisions as compare, type RevisionDifference } from "./compare-revisions.ts";

async function compareRevisions(...asked: Parameters<typeof compare>): Promise<RevisionDifference> {
  const difference = await compare(...asked);
  assert.ok(!("kind" in difference));
  return difference;
}

const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

async function twoRevisions(): Promise<House> {
  const house = new House();
  const offer = (files: Readonly<Record<string, string>>, version: number, more: string) => {
    house.offer(files);
    const series = [
      { name: "list", version },
      { name: more, version: 1 },
    ];
    house.upstream.put(1, "index", indexOf(files, { series }));
  };
  offer({ same: "same", gone: "1", changed: "old" }, 7, "left");
  await house.sync(specOf());
  offer({ same: "same", changed: "newer", fresh: "four" }, 8, "came");
  await house.sync(specOf());
  return house;
}

test("what came, what went, what changed, and which series moved", async () => {
  const { doors } = await twoRevisions();
  const difference = {
    source: "s",
    from: 1,
    to: 2,
    added: [{ path: "fresh", size: 4 }],
    removed: [{ path: "gone", size: 1 }],
    changed: [{ path: "changed", sizeBefore: 3, size: 5 }],
    series: [
      { name: "came", before: null, after: 1 },
      { name: "left", before: 1, after: null },
      { name: "list", before: 7, after: 8 },
    ],
    content: [],
  };
  assert.deepEqual(await compareRevisions(doors, "s", 1, 2), difference);
  assert.deepEqual(await compareRevisions(doors, "s", 1, "staging"), difference);
  const back = await compareRevisions(doors, "s", 2, 1);
  assert.deepEqual([back.added, back.removed], [difference.removed, difference.added]);
  const none = { added: [], removed: [], changed: [], series: [], content: [] };
  assert.deepEqual(await compareRevisions(doors, "s", 2, 2), { source: "s", from: 2, to: 2, ...none });
});

test("what does not exist is a failure with its code", async () => {
  const { doors } = await twoRevisions();
  await assert.rejects(compareRevisions(doors, "t", 1, 2), failure("source.unknown"));
  await assert.rejects(compareRevisions(doors, "s", 1, 3), failure("revision.unknown"));
  await assert.rejects(compareRevisions(doors, "s", "production", 1), failure("revision.unknown"));
  await assert.rejects(compareRevisions(doors, "s", "prodution", 1), failure("channel.unknown"));
});

test("of files whose format is known the meaning is compared, of both, of the new and of the gone", async () => {
  const house = new House();
  const spec = specOf({ name: "s" });
  const read: string[] = [];
  const inspector = {
    summarize: async (kind: string, { path, size }: { readonly path: string; readonly size: number }) => {
      read.push(`${kind} ${path} ${size}`);
      return { groups: [["alert", size]] as [string, number][], items: [], fault: null };
    },
  };
  house.offer({ "a.rules": "1", "b.rules": "1", "plain.txt": "1", "same.rules": "1" });
  await house.sync(spec);
  house.offer({ "a.rules": "22", "plain.txt": "22", "same.rules": "1", Packages: "333" });
  await house.sync(spec);
  const { content } = await compareRevisions({ ...house.doors, inspector }, "s", 1, 2);
  assert.deepEqual(read.toSorted(), [
    "debian Packages 3",
    "suricata a.rules 1",
    "suricata a.rules 2",
    "suricata b.rules 1",
  ]);
  assert.deepEqual(
    content.map(({ path, groups }) => `${path}: ${groups[0]?.before} to ${groups[0]?.after}`).toSorted(),
    ["Packages: 0 to 3", "a.rules: 1 to 2", "b.rules: 1 to 0"],
  );
});
