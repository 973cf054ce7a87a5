import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { entryOf, revisionOf, specOf } from "../../test/fixtures/intake.ts";
import { promoteChannel } from "./promote.ts";
import { recover } from "./recover.ts";

/** A house with two revisions, both shown in staging, the first in pilot. */
async function house(): Promise<House> {
  const made = new House();
  for (const content of ["one", "two"]) {
    made.offer({ a: content });
    await made.sync(specOf({ trust: { kind: "pinned", digests: {} } }));
  }
  const wish = { source: "s", channel: "pilot", revision: 1, by: "ann", reason: "" };
  await promoteChannel(made.doors, wish);
  made.events.length = 0;
  return made;
}

test("of a whole house nothing is made again but the pointers", async () => {
  const made = await house();
  const before = { revisions: new Map(made.views.revisions), pointers: new Map(made.views.pointers) };
  assert.deepEqual(await recover(made.doors), { viewsWritten: 0, viewsRemoved: 0 });
  // A channel that nothing was ever in has an empty pointer from the first start on.
  before.pointers.set("production", []);
  assert.deepEqual({ revisions: made.views.revisions, pointers: made.views.pointers }, before);
  assert.deepEqual(made.events, []);
});

test("a stop between the ledger and the view: the view is written", async () => {
  const made = await house();
  const view = made.views.revisions.get("s/2");
  made.views.revisions.delete("s/2");
  assert.deepEqual(await recover(made.doors), { viewsWritten: 1, viewsRemoved: 0 });
  assert.deepEqual(made.views.revisions.get("s/2"), view);
  assert.deepEqual(made.eventNames(), ["store.recovered"]);
});

test("a stop between the move and its pointer file: the ledger wins", async () => {
  const made = await house();
  const right = new Map(made.views.pointers);
  made.views.pointers.delete("pilot");
  const old = made.views.pointers
    .get("staging")
    ?.map((mount) => ({ ...mount, revision: 1, steps: mount.steps.slice(0, 1) }));
  await made.views.writePointer("staging", old ?? []);
  await recover(made.doors);
  for (const channel of ["staging", "pilot"])
    assert.deepEqual(made.views.pointers.get(channel), right.get(channel), channel);
});

test("a stop within a removal: what the ledger has forgotten has no view", async () => {
  const made = await house();
  await made.views.writeRevision(revisionOf(9), [entryOf("a")]);
  await made.views.writeRevision(revisionOf(1, { source: "gone" }), [entryOf("a")]);
  assert.deepEqual(await recover(made.doors), { viewsWritten: 0, viewsRemoved: 2 });
  assert.deepEqual([...made.views.revisions.keys()].toSorted(), ["s/1", "s/2"]);
});

test("a recovery that is cut off anywhere is finished by the next one", async () => {
  const whole = await house();
  for (let cut = 0; cut < 8; cut += 1) {
    const made = await house();
    made.views.revisions.clear();
    made.views.pointers.clear();
    await made.views.writeRevision(revisionOf(9), [entryOf("a")]);
    let steps = 0;
    const views = new Proxy(made.views, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (!String(name).startsWith("has") && steps++ === cut) throw new Error("killed");
          return value.apply(target, args);
        };
      },
    });
    await recover({ ...made.doors, views }).catch((error: unknown) => assert.match(String(error), /killed/));
    await recover(made.doors);
    assert.deepEqual(made.views.revisions, whole.views.revisions, `cut at ${cut}`);
    assert.deepEqual(made.shown("staging"), ["s 2"]);
    assert.deepEqual(made.shown("pilot"), ["s 1"]);
  }
});

test("the quarantine is swept but for what may be resumed, a day long", async () => {
  const made = await house();
  const swept: number[] = [];
  made.store.quarantine.sweep = async (since) => void swept.push(since);
  await recover(made.doors);
  assert.deepEqual(swept, [made.now - 86_400_000]);
});
