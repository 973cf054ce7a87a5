import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { House } from "../../test/fixtures/house.ts";
import { assertRefused, specOf } from "../../test/fixtures/intake.ts";
import { ringsOf } from "../../test/fixtures/release.ts";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import type { Actor } from "../core/model/actor.ts";
import type { ReleasePolicy } from "../core/model/policy.ts";
import type { Proposal } from "../core/model/proposal.ts";
import { promoteChannel } from "./promote.ts";
import {
  attempt,
  editProposal,
  lookAtProposal,
  type ProposalWish,
  type Proposed,
  propose,
  signOff,
  withdrawProposal,
} from "./propose.ts";
import { setPolicy } from "./set-policy.ts";

const PINNED = specOf({ trust: { kind: "pinned", digests: {} } });
const person = (name: string): Actor => ({ name, roles: ["operator", "approver"] });
const [ann, bob, eve] = [person("ann"), person("bob"), person("eve")];

async function houseWith(policy: ReleasePolicy, revisions = 1): Promise<House> {
  const house = new House();
  await house.ledger.putSource(PINNED);
  await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
  for (let number = 1; number <= revisions; number += 1) {
    house.offer({ a: `version ${number}` });
    await house.sync(PINNED);
  }
  return house;
}

function wish(changes: Partial<ProposalWish> = {}): ProposalWish {
  return {
    source: "s",
    channel: "pilot",
    revision: null,
    kind: "promotion",
    reason: "tested",
    expires: null,
    preview: false,
    ...changes,
  };
}

function proposed(answer: Proposed | Refusal): Proposed {
  assert.ok("proposal" in answer, JSON.stringify(answer));
  return answer;
}

function refusedWith(answer: Proposed | Proposal | Refusal, code: Parameters<typeof assertRefused>[1]): void {
  assertRefused("code" in answer ? answer : null, code);
}

const two = ringsOf({ signOffs: [{ role: "approver", people: 2 }] });

test("a promotion waits until two others have signed, and then moves the channel once", async () => {
  const house = await houseWith(two);
  const { proposal } = proposed(await propose(house.doors, wish(), ann));
  refusedWith(await signOff(house.doors, { id: 1, version: 1, comment: "" }, ann), "proposal.own");
  assert.equal(proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob)).move, null);
  refusedWith(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob), "proposal.signed-already");
  const last = proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, eve));
  assert.equal(last.move?.to, proposal.revision);
  assert.match(last.move?.reason ?? "", /signed by bob, eve/);
  assert.equal(last.proposal.state, "done");
  assert.deepEqual(house.shown("pilot"), ["s 1"]);
  refusedWith(await signOff(house.doors, { id: 1, version: 1, comment: "" }, person("joe")), "proposal.ended");
});

test("a plain promotion of such a ring is refused with the code that waits", async () => {
  const house = await houseWith(two);
  const refused = await promoteChannel(house.doors, {
    source: "s",
    channel: "pilot",
    revision: null,
    by: "ann",
    reason: "",
  });
  assertRefused("code" in refused ? refused : null, "promotion.sign-off-missing");
});

test("an edit voids what was signed, and whoever edited does not sign", async () => {
  const house = await houseWith(two, 2);
  await propose(house.doors, wish({ revision: 1 }), ann);
  await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob);
  const edited = proposed(await editProposal(house.doors, { id: 1, revision: 2, reason: null }, eve));
  assert.deepEqual([edited.proposal.version, edited.proposal.signOffs, edited.proposal.reason], [2, [], "tested"]);
  refusedWith(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob), "proposal.changed-meanwhile");
  for (const author of [ann, eve])
    refusedWith(await signOff(house.doors, { id: 1, version: 2, comment: "" }, author), "proposal.own");
});

test("whoever has none of the roles is told so", async () => {
  const house = await houseWith(two);
  await propose(house.doors, wish(), ann);
  const viewer: Actor = { name: "vic", roles: ["viewer", "operator"] };
  refusedWith(await signOff(house.doors, { id: 1, version: 1, comment: "" }, viewer), "proposal.role-missing");
});

test("a weaker policy does not weaken what was proposed under a stronger one", async () => {
  const house = await houseWith(two);
  await propose(house.doors, wish(), ann);
  await setPolicy(house.doors, { source: "s", policy: ringsOf(), after: null, by: "ann", reason: "" });
  const first = proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob));
  assert.equal(first.move, null);
  assert.equal(proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, eve)).move?.to, 1);
});

test("what nobody could make possible is refused at once, and leaves no proposal", async () => {
  const house = await houseWith(two, 2);
  refusedWith(
    await propose(house.doors, wish({ channel: "production", revision: 2 }), ann),
    "promotion.not-in-earlier-channel",
  );
  await assert.rejects(
    propose(house.doors, wish({ revision: 9 }), ann),
    (error) => error instanceof Failure && error.code === "revision.unknown",
  );
  assert.deepEqual(await house.ledger.proposals({ state: null, source: null }, 9), []);
});

test("what is signed but not yet due waits for its time, and goes when it has come", async () => {
  const house = await houseWith(ringsOf({ soak: "4h", signOffs: [{ role: "approver" }] }));
  await propose(house.doors, wish(), ann);
  const early = proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob));
  assert.deepEqual(
    early.waitsFor.map(({ code }) => code),
    ["promotion.soaking"],
  );
  house.now += 4 * HOUR;
  assert.equal((await attempt(house.doors, early.proposal)).move?.to, 1);
});

test("an emergency shows first, needs a second person, goes ahead of the soak, and says so in the record", async () => {
  const house = await houseWith(ringsOf({ soak: "7d", health: {} }));
  const shown = proposed(await propose(house.doors, wish({ kind: "emergency", preview: true }), ann));
  assert.deepEqual(
    [shown.proposal.id, (await house.ledger.proposals({ state: null, source: null }, 9)).length],
    [0, 0],
  );
  const made = proposed(await propose(house.doors, wish({ kind: "emergency" }), ann));
  assert.equal(made.move, null);
  const { move } = proposed(await signOff(house.doors, { id: 1, version: 1, comment: "" }, bob));
  assert.match(move?.reason ?? "", /promotion\.soaking.*promotion\.health-unproven/);
});

test("an emergency that nobody signed in time is over, and an edit gives it no more time", async () => {
  const house = await houseWith(ringsOf({ soak: "7d" }), 2);
  const { proposal } = proposed(
    await propose(house.doors, wish({ kind: "emergency", expires: HOUR, revision: 1 }), ann),
  );
  assert.equal(proposal.expiresAt, house.now + HOUR);
  house.now += HOUR - 1;
  const edited = proposed(await editProposal(house.doors, { id: 1, revision: 2, reason: null }, ann));
  assert.equal(edited.proposal.expiresAt, proposal.expiresAt);
  house.now += 1;
  const late = proposed(await signOff(house.doors, { id: 1, version: 2, comment: "" }, bob));
  assert.deepEqual([late.move, late.proposal.state], [null, "expired"]);
  assert.deepEqual(house.shown("pilot"), []);
});

test("a proposal whose ring went on without it is over", async () => {
  const house = await houseWith(ringsOf({ signOffs: [{ role: "approver" }] }), 2);
  await propose(house.doors, wish({ revision: 1 }), ann);
  await setPolicy(house.doors, { source: "s", policy: ringsOf(), after: null, by: "ann", reason: "" });
  await promoteChannel(house.doors, { source: "s", channel: "pilot", revision: 2, by: "ann", reason: "" });
  const looked = proposed(await lookAtProposal(house.doors, 1));
  assert.equal((await attempt(house.doors, looked.proposal)).proposal.state, "overtaken");
  await propose(house.doors, wish({ channel: "production" }), ann);
  const withdrawn = await withdrawProposal(house.doors, { id: 2, reason: "" }, bob);
  assert.ok("code" in withdrawn, "it was carried out at once: nobody had to sign");
});

test("of two who give the last sign-off at once, the channel is moved once and both are kept", async () => {
  const house = await houseWith(ringsOf({ signOffs: [{ role: "approver" }] }));
  await propose(house.doors, wish(), ann);
  const both = await Promise.all([
    signOff(house.doors, { id: 1, version: 1, comment: "" }, bob),
    signOff(house.doors, { id: 1, version: 1, comment: "" }, eve),
  ]);
  assert.equal(both.filter((answer) => "move" in answer && answer.move !== null).length, 1);
  assert.equal((await house.ledger.moves("s", 9)).filter(({ channel }) => channel === "pilot").length, 1);
  assert.equal((await house.ledger.proposal(1))?.state, "done");
});

type Deed =
  | { readonly kind: "propose" | "emergency" | "sign" | "edit"; readonly who: string }
  | { readonly kind: "policy"; readonly people: number }
  | { readonly kind: "promote" | "wait" | "sync" };

const deeds: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("propose" as const, "emergency" as const, "sign" as const, "edit" as const),
    who: fc.constantFrom("ann", "bob", "eve", "joe"),
  }),
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("sign" as const), who: fc.constantFrom("ann", "bob", "eve", "joe") }),
  },
  fc.record({ kind: fc.constant("policy" as const), people: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ kind: fc.constantFrom("promote" as const, "wait" as const, "sync" as const) }),
);

async function perform(house: House, deed: Deed, step: number): Promise<void> {
  const [open] = await house.ledger.proposals({ state: "open", source: "s" }, 1);
  switch (deed.kind) {
    case "propose":
    case "emergency": {
      const kind = deed.kind === "propose" ? "promotion" : "emergency";
      await propose(house.doors, wish({ kind }), person(deed.who));
      break;
    }
    case "sign":
      if (open !== undefined)
        await signOff(house.doors, { id: open.id, version: open.version, comment: "" }, person(deed.who));
      break;
    case "edit":
      if (open !== undefined)
        await editProposal(house.doors, { id: open.id, revision: null, reason: `${step}` }, person(deed.who));
      break;
    case "policy": {
      const signOffs = deed.people === 0 ? [] : [{ role: "approver" as const, people: deed.people }];
      const policy = ringsOf({ signOffs, soak: "2h" });
      await setPolicy(house.doors, { source: "s", policy, after: null, by: "ann", reason: "" });
      break;
    }
    case "promote":
      await promoteChannel(house.doors, { source: "s", channel: "pilot", revision: null, by: "ann", reason: "" });
      break;
    case "wait":
      house.now += HOUR;
      if (open !== undefined) await attempt(house.doors, open);
      break;
    case "sync":
      house.offer({ a: `version ${step}` });
      await house.sync(PINNED);
      break;
  }
}

test("whatever people do in whatever order, no ring moves with fewer sign-offs than the strictest rule", async () => {
  const property = fc.asyncProperty(fc.array(deeds, { minLength: 4, maxLength: 30 }), async (sequence) => {
    const house = await houseWith(ringsOf({ signOffs: [{ role: "approver", people: 2 }], soak: "2h" }));
    for (const [step, deed] of sequence.entries()) {
      const moved = (await house.ledger.moves("s", 999)).filter(({ channel }) => channel === "pilot").length;
      const policy = (await house.ledger.policy("s"))?.policy;
      await perform(house, deed, step + 2);
      const moves = (await house.ledger.moves("s", 999)).filter(({ channel }) => channel === "pilot");
      if (moves.length === moved) continue;
      assert.equal(moves.length, moved + 1);
      const asked = policy?.rings[1]?.signOffs[0]?.people ?? 0;
      const carried = (await house.ledger.proposals({ state: "done", source: "s" }, 999)).find(
        ({ id }) => moves[0]?.reason.startsWith(`proposal ${id}`) === true,
      );
      const signed = new Set((carried?.signOffs ?? []).map(({ by }) => by));
      for (const author of carried?.authors ?? []) assert.ok(!signed.has(author));
      const least = Math.max(asked, carried?.demands[0]?.people ?? 0, carried?.kind === "emergency" ? 1 : 0);
      assert.ok(signed.size >= least, `${signed.size} of ${least}`);
    }
  });
  await fc.assert(property, { numRuns: 150 });
});
