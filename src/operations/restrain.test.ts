import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House, indexOf } from "../../test/fixtures/house.ts";
import { assertRefused, digestOf, signatureOf, signedSpec, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import type { RestraintOn } from "../core/model/restraint.ts";
import { promoteChannel, publishChannel, rollBackChannel } from "./promote.ts";
import { releaseRestraint, restrain } from "./restrain.ts";

const PINNED = specOf({ trust: { kind: "pinned", digests: {} } });
const wish = (channel: string, revision: number | null = null) => ({
  source: "s",
  channel,
  revision,
  by: "ann",
  reason: "",
});
const code = (answer: object) => ("code" in answer ? answer.code : null);

async function houseAt(revisions: number): Promise<House> {
  const house = new House();
  for (let number = 1; number <= revisions; number += 1) {
    house.offer({ a: `version ${number}`, same: "=" });
    await house.sync(PINNED);
  }
  return house;
}

function put(house: House, on: RestraintOn, expires: number | null = null) {
  return restrain(house.doors, { on, reason: "look", expires, by: "ann" });
}

test("a hold stops every move of its channel, both ways, until it is released or runs out", async () => {
  const house = await houseAt(2);
  const { restraint } = await put(house, { kind: "hold", source: "s", channel: "staging" });
  assert.equal(code(await rollBackChannel(house.doors, wish("staging"))), "channel.held");
  house.offer({ a: "version 3" });
  assert.equal((await house.sync(PINNED)).outcome, "new-revision");
  assert.deepEqual(house.shown("staging"), ["s 2"]);
  await releaseRestraint(house.doors, { id: restraint.id, reason: "", by: "bob" });
  await assert.rejects(
    releaseRestraint(house.doors, { id: restraint.id, reason: "", by: "bob" }),
    (error) => error instanceof Failure && error.code === "restraint.unknown",
  );
  assert.equal(code(await promoteChannel(house.doors, wish("staging"))), null);
  await put(house, { kind: "hold", source: null, channel: null }, HOUR);
  assert.equal(code(await promoteChannel(house.doors, wish("pilot"))), "channel.held");
  house.now += HOUR;
  assert.equal(code(await promoteChannel(house.doors, wish("pilot"))), null);
});

test("a pin keeps a channel at what it shows, and can only be put where it shows that", async () => {
  const house = await houseAt(3);
  await promoteChannel(house.doors, wish("pilot", 2));
  const pin = (revision: number) => put(house, { kind: "pin", source: "s", channel: "pilot", revision });
  await assert.rejects(pin(3), (error) => error instanceof Failure && error.code === "revision.unknown");
  await pin(2);
  assert.equal(code(await promoteChannel(house.doors, wish("pilot", 3))), "channel.pinned");
  assert.equal(code(await rollBackChannel(house.doors, wish("pilot", 1))), "channel.pinned");
  assert.deepEqual(house.shown("pilot"), ["s 2"]);
});

test("a blocked revision is left at once, is gone to by no road, and stays withheld after a restart", async () => {
  const house = await houseAt(3);
  await promoteChannel(house.doors, wish("pilot", 3));
  const { touched } = await put(house, { kind: "block-revision", source: "s", revision: 3 });
  assert.deepEqual(
    touched.map(({ channel, now }) => [channel, now]),
    [
      ["pilot", "withheld"],
      ["staging", "taken-back"],
    ],
  );
  // Pilot has shown nothing else: it serves nothing of the source rather than what is blocked.
  assert.deepEqual([house.shown("staging"), house.shown("pilot")], [["s 2"], []]);
  assert.deepEqual(house.views.withheld.get("pilot")?.revisions, [{ source: "s", revision: 3 }]);
  await publishChannel(house.doors, "pilot");
  assert.deepEqual(house.shown("pilot"), []);
  assert.equal(code(await promoteChannel(house.doors, wish("staging", 3))), "revision.blocked");
});

test("a blocked content is withheld wherever it stands, and no sync takes it again", async () => {
  const house = await houseAt(2);
  const sha256 = digestOf("version 2");
  const { touched } = await put(house, { kind: "block-digest", sha256 });
  assert.deepEqual([touched.length, house.shown("staging")], [1, ["s 1"]]);
  assert.deepEqual(house.views.withheld.get("staging")?.digests, [sha256]);
  house.offer({ a: "version 2", more: "more" });
  const again = await house.sync(PINNED);
  assert.deepEqual([again.outcome, again.code], ["refused", "artifact.blocked"]);
  const other = specOf({ name: "other", trust: { kind: "pinned", digests: {} } });
  assert.equal((await house.sync(other)).code, "artifact.blocked");
  house.offer({ a: "version 3" });
  assert.equal((await house.sync(PINNED)).outcome, "new-revision");
  await releaseRestraint(house.doors, { id: 1, reason: "", by: "bob" });
  assert.deepEqual(house.views.withheld.get("staging")?.digests, []);
});

test("a signer is blocked under either of its names: what it signed is withheld, and what it signs next is refused", async () => {
  for (const signer of ["A", "openpgp A"]) {
    const house = new House();
    const offer = (a: string, by: string): void => {
      house.upstream.put(1, "index", indexOf({ a }, { signatures: [signatureOf("good", by)] }));
      house.upstream.put(1, "a", a);
    };
    offer("version 1", "A");
    await house.sync(signedSpec());
    await put(house, { kind: "block-signer", signer });
    assert.deepEqual(house.shown("staging"), []);
    offer("version 2", "A");
    assert.equal((await house.sync(signedSpec())).code, "feed.signer-blocked", signer);
    offer("version 3", "B");
    assert.equal((await house.sync(signedSpec())).outcome, "new-revision");
    assert.deepEqual(house.shown("staging"), ["s 2"]);
  }
});

test("what is blocked under a hold is withheld where it is", async () => {
  const house = await houseAt(2);
  await put(house, { kind: "hold", source: "s", channel: null });
  const { touched } = await put(house, { kind: "block-revision", source: "s", revision: 2 });
  assert.deepEqual([touched[0]?.now, house.shown("staging")], ["withheld", []]);
  assertRefused(
    await rollBackChannel(house.doors, wish("staging")).then((answer) => ("code" in answer ? answer : null)),
    "channel.held",
  );
});

test("no sequence of events serves what is blocked", async () => {
  const deed = fc.oneof(
    fc.record({ kind: fc.constantFrom("sync" as const, "release" as const), n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({
      kind: fc.constantFrom("promote" as const, "back" as const, "block" as const, "digest" as const),
      n: fc.integer({ min: 1, max: 5 }),
    }),
  );
  const property = fc.asyncProperty(fc.array(deed, { maxLength: 25 }), async (deeds) => {
    const house = await houseAt(1);
    for (const { kind, n } of deeds) {
      const channel = n % 2 === 0 ? "pilot" : "staging";
      if (kind === "sync") {
        house.offer({ a: `content ${n}` });
        await house.sync(PINNED);
      }
      try {
        if (kind === "promote") await promoteChannel(house.doors, wish(channel, n));
        if (kind === "block") await put(house, { kind: "block-revision", source: "s", revision: n });
        if (kind === "release") await releaseRestraint(house.doors, { id: n, reason: "", by: "ann" });
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
      if (kind === "back") await rollBackChannel(house.doors, wish(channel));
      if (kind === "digest") await put(house, { kind: "block-digest", sha256: digestOf(`content ${n}`) });
      const active = (await house.ledger.restraints(false)).map(({ on }) => on);
      for (const [name, mounts] of house.views.pointers)
        for (const { revision } of mounts) {
          assert.ok(!active.some((on) => on.kind === "block-revision" && on.revision === revision), name);
          const withheld = new Set(house.views.withheld.get(name)?.digests);
          for (const { sha256 } of await house.ledger.entries("s", revision))
            if (active.some((on) => on.kind === "block-digest" && on.sha256 === sha256))
              assert.ok(withheld.has(sha256));
        }
    }
  });
  await fc.assert(property, { numRuns: 150 });
});
