import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { artifactOf, contentOf, NOW, specOf } from "../../test/fixtures/intake.ts";
import type { Step } from "../../test/fixtures/obedient-worker.ts";
import { scriptedLanes } from "../../test/fixtures/scripted-lanes.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { InspectableFile, Inspector } from "../core/ports.ts";
import { openInspectDoor } from "./inspect-door.ts";

const FILE: InspectableFile = {
  path: "a",
  file: "x-1.part",
  size: 5,
  partial: false,
  dialect: null,
  lastModified: null,
  absent: false,
};
const LISTING = {
  kind: "listing",
  listing: { artifacts: [artifactOf("a")], series: [] },
  findings: { signatures: [], malformed: null, indexes: [], contradictions: [], weak: false, orphans: 0 },
};
const CONTENT = { kind: "content", findings: contentOf() };
const DIE: Step = { die: true };

function doorTo(t: TestContext, ...answers: readonly (readonly Step[])[]) {
  const { lanes, jobs } = scriptedLanes(t, answers);
  const door = openInspectDoor(lanes);
  const read = () => door.readFeed(specOf(), [FILE], NOW);
  const inspect = () =>
    door.inspectArtifact(specOf(), artifactOf("a", { inspect: true }), FILE, { ...FILE, path: "a.sign" }, NOW, {
      expandedBytes: 9,
    });
  return { read, inspect, jobs } satisfies { read: () => ReturnType<Inspector["readFeed"]> } & Record<string, unknown>;
}

const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

test("a reading and an inspection are asked for with all that they need, and answered with findings", async (t) => {
  const { read, inspect, jobs } = doorTo(
    t,
    [{ say: { kind: "needs", files: [] } }],
    [{ say: LISTING }],
    [{ say: CONTENT }],
  );
  assert.deepEqual(await read(), { kind: "needs", files: [] });
  assert.deepEqual(await read(), LISTING);
  assert.deepEqual(await inspect(), CONTENT.findings);
  const { feed, trust } = specOf();
  assert.deepEqual(jobs()[0], JSON.parse(JSON.stringify({ kind: "read-feed", feed, trust, now: NOW, files: [FILE] })));
  assert.deepEqual([jobs()[2]?.["kind"], jobs()[2]?.["caps"]], ["inspect-artifact", { expandedBytes: 9 }]);
  assert.deepEqual(jobs()[2]?.["companion"], { ...FILE, path: "a.sign" });
});

test("a failure of the inspection is its caller's, as it was", async (t) => {
  const { read, jobs } = doorTo(t, [
    { say: { kind: "failed", code: "store.io", detail: "unreadable", retry: "later" } },
  ]);
  await assert.rejects(read(), (error) => failure("store.io")(error) && (error as Failure).retry === "later");
  assert.equal(jobs().length, 1);
});

test("a file that the process died of is given to it once more, and then it is the file's fault", async (t) => {
  const lucky = doorTo(t, [DIE], [{ say: CONTENT }]);
  assert.deepEqual(await lucky.inspect(), CONTENT.findings);
  const deadly = doorTo(t, [DIE], [DIE], [{ say: CONTENT }]);
  await assert.rejects(deadly.inspect(), failure("worker.died"));
  assert.equal(deadly.jobs().length, 2);
});

test("an answer outside the protocol fails the run, and is not asked for again", async (t) => {
  const breaches: readonly (readonly Step[])[] = [
    [{ say: { kind: "song" } }],
    [{ say: CONTENT }],
    [{ say: { ...LISTING, more: 1 } }],
    [{ send: "bytes" }, { wait: 30_000 }],
  ];
  const { read, jobs } = doorTo(t, ...breaches);
  for (const _ of breaches) await assert.rejects(read(), failure("worker.protocol"));
  assert.equal(jobs().length, breaches.length);
});
