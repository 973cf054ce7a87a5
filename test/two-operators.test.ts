import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Failure } from "../src/core/kernel/errors.ts";
import { HOUR } from "../src/core/kernel/instant.ts";
import type { Actor } from "../src/core/model/actor.ts";
import { promoteChannel, rollBackChannel } from "../src/operations/promote.ts";
import { editProposal, propose, signOff, withdrawProposal } from "../src/operations/propose.ts";
import { releaseRestraint, restrain } from "../src/operations/restrain.ts";
import { setPolicy } from "../src/operations/set-policy.ts";
import type { ChannelDoors } from "../src/operations/sync-run.ts";
import { House } from "./fixtures/house.ts";
import { specOf } from "./fixtures/intake.ts";
import { ringsOf } from "./fixtures/release.ts";

/**
 * Two or three operators act at once. Every call of the ledger and of the views waits its turn, and one goes at a time, in an order
 * that fast-check chooses: evenly, or one operator for long. So every interleaving of the operations' reads and writes may come.
 */
const SPEC = specOf({ trust: { kind: "pinned", digests: {} } });
const person = (name: string): Actor => ({ name, roles: ["operator", "approver"] });
const PEOPLE = ["ann", "bob", "eve"] as const;

/** Who may go on next, of those that wait. */
interface Order {
  turn(who: string): Promise<void>;
  readonly waiting: number;
  letOneGo(): Promise<void>;
}

/** One call of anybody's, evenly: many small steps to and fro. */
function evenly(scheduler: fc.Scheduler): Order {
  return {
    turn: (who) => scheduler.schedule(Promise.resolve(), who),
    get waiting() {
      return scheduler.count();
    },
    letOneGo: () => scheduler.waitOne(),
  };
}

/** One operator for so many calls, then another: somebody who is held up in the midst while others do all that they came for. */
class Bursts implements Order {
  readonly #bursts: [number, number][];
  #waiting: { readonly who: string; readonly go: () => void }[] = [];

  constructor(bursts: readonly (readonly [number, number])[]) {
    this.#bursts = bursts.map(([who, calls]) => [who, calls]);
  }

  turn(who: string): Promise<void> {
    return new Promise((go) => this.#waiting.push({ who, go }));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async letOneGo(): Promise<void> {
    // Everybody who can come to the next call has come: nobody is passed over for being a moment late.
    await new Promise((resolve) => setImmediate(resolve));
    while ((this.#bursts[0]?.[1] ?? 1) <= 0) this.#bursts.shift();
    const burst = this.#bursts[0];
    const favoured = PEOPLE[(burst?.[0] ?? 0) % PEOPLE.length];
    const next = this.#waiting.find(({ who }) => who === favoured) ?? this.#waiting[0];
    if (burst !== undefined) burst[1] -= 1;
    this.#waiting = this.#waiting.filter((each) => each !== next);
    next?.go();
  }
}

const orders: fc.Arbitrary<Order> = fc.oneof(
  fc.scheduler().map(evenly),
  fc
    .array(fc.tuple(fc.nat(PEOPLE.length - 1), fc.integer({ min: 1, max: 25 })), { maxLength: 12 })
    .map((bursts) => new Bursts(bursts)),
);

/** A door, each call of which waits for this operator's turn. */
function interleaved<D extends object>(door: D, order: Order, who: string): D {
  return new Proxy(door, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]): Promise<unknown> => {
        await order.turn(who);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

type Deed = "promote" | "back" | "propose" | "sign" | "edit" | "withdraw" | "hold" | "block" | "release";
const ALL = ["promote", "back", "propose", "sign", "edit", "withdraw", "hold", "block", "release"] as const;

interface Done {
  readonly deed: Deed;
  readonly who: string;
  /** What the operator was told: it was done, or a code. */
  readonly told: "done" | "waits" | (string & {});
}

async function act(doors: ChannelDoors, deed: Deed, who: string): Promise<Done["told"]> {
  const wish = { source: "s", channel: "pilot", revision: null, by: who, reason: who };
  const answer = await (async () => {
    switch (deed) {
      case "promote":
        return promoteChannel(doors, wish);
      case "back":
        return rollBackChannel(doors, wish);
      case "propose":
        return propose(doors, { ...wish, kind: "promotion", expires: null, preview: false }, person(who));
      case "sign":
        return signOff(doors, { id: 1, version: 1, comment: "" }, person(who));
      case "edit":
        return editProposal(doors, { id: 1, revision: null, reason: who }, person(who));
      case "withdraw":
        return withdrawProposal(doors, { id: 1, reason: who }, person(who));
      case "hold":
        return restrain(doors, {
          on: { kind: "hold", source: "s", channel: "pilot" },
          reason: "",
          expires: null,
          by: who,
        });
      case "block":
        return restrain(doors, {
          on: { kind: "block-revision", source: "s", revision: 3 },
          reason: "",
          expires: null,
          by: who,
        });
      case "release":
        return releaseRestraint(doors, { id: 1, reason: "", by: who });
    }
  })().catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    return { code: error.code };
  });
  if ("code" in answer) return answer.code;
  return "move" in answer && answer.move === null ? "waits" : "done";
}

/** Pilot at revision 2 of three; with a proposal that asks for two where it is wanted. */
async function houseWith(people: number, proposed: boolean): Promise<House> {
  const house = new House();
  await house.ledger.putSource(SPEC);
  for (let number = 1; number <= 3; number += 1) {
    house.offer({ a: `version ${number}` });
    await house.sync(SPEC);
    if (number < 3)
      await promoteChannel(house.doors, { source: "s", channel: "pilot", revision: null, by: "x", reason: "" });
  }
  const signOffs = people === 0 ? [] : [{ role: "approver" as const, people }];
  await setPolicy(house.doors, { source: "s", policy: ringsOf({ signOffs }), after: null, by: "x", reason: "" });
  const wish = { source: "s", channel: "pilot", revision: null, kind: "promotion", reason: "", expires: null } as const;
  if (proposed) await propose(house.doors, { ...wish, preview: false }, person("x"));
  house.now += HOUR;
  return house;
}

/** Everybody acts at once; afterwards nothing is under way any more. */
async function atOnce(
  house: House,
  order: Order,
  deeds: readonly (readonly [Deed, string])[],
): Promise<readonly Done[]> {
  const doorsOf = (who: string): ChannelDoors => ({
    ...house.doors,
    ledger: interleaved(house.ledger, order, who),
    views: interleaved(house.views, order, who),
  });
  const all = Promise.all(
    deeds.map(async ([deed, who]): Promise<Done> => ({ deed, who, told: await act(doorsOf(who), deed, who) })),
  );
  let over = false;
  void all.finally(() => (over = true));
  for (let turn = 0; turn < 5_000 && !over; turn += 1) {
    if (order.waiting > 0) await order.letOneGo();
    else await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(over, "they wait for each other");
  return all;
}

const pilotMoves = async (house: House) =>
  (await house.ledger.moves("s", 999)).filter(({ channel, by }) => channel === "pilot" && by !== "x");

const pairs = fc
  .array(fc.tuple(fc.constantFrom(...ALL), fc.constantFrom(...PEOPLE)), { minLength: 2, maxLength: 3 })
  .filter((deeds) => new Set(deeds.map(([, who]) => who)).size === deeds.length);

test("of operators who act at once each is told what became of it, and the record has each deed once", async () => {
  const property = fc.asyncProperty(orders, pairs, fc.integer({ min: 0, max: 2 }), async (order, deeds, people) => {
    const house = await houseWith(people, people > 0);
    const done = await atOnce(house, order, deeds);
    const told = (...which: readonly Deed[]): readonly Done[] =>
      done.filter((each) => which.includes(each.deed) && each.told === "done");
    const moves = (await house.ledger.moves("s", 999)).filter(({ channel }) => channel === "pilot").slice(0, -2);
    // Each move begins where the one before ended: none was lost under another.
    for (const [at, move] of moves.entries()) assert.equal(move.from, moves[at + 1]?.to ?? 2, JSON.stringify(moves));
    // Whoever was told that he promoted or went back has his move, and only one; nobody else's is his.
    for (const { who } of told("promote", "back")) assert.equal(moves.filter((move) => move.by === who).length, 1);
    const byHand = moves.filter(({ reason }) => PEOPLE.some((who) => reason === who));
    assert.equal(byHand.length, told("promote", "back").length);
    // One proposal at a time, and one move of it.
    const open = await house.ledger.proposals({ state: "open", source: "s" }, 99);
    assert.ok(open.length <= 1, `${open.length} proposals are open`);
    for (const id of [1, 2, 3])
      assert.ok(
        moves.filter(({ reason }) => reason.startsWith(`proposal ${id}`)).length <= 1,
        "one proposal, two moves",
      );
    // Every sign-off that was taken stands, once, unless an edit made it void.
    const proposal = await house.ledger.proposal(1);
    if (
      people > 0 &&
      told("edit").length === 0 &&
      done.every(({ deed, told: what }) => deed !== "edit" || what !== "waits")
    )
      for (const { who } of done.filter(
        ({ deed, told: what }) => deed === "sign" && (what === "done" || what === "waits"),
      ))
        assert.equal(
          proposal?.signOffs.filter(({ by }) => by === who).length,
          1,
          `${who}'s sign-off is lost or double`,
        );
    // Restraints too: each that was set is there, each was released by one.
    const restraints = await house.ledger.restraints(true);
    assert.equal(restraints.length, told("hold", "block").length);
    assert.ok(told("release").length <= 1);
    // What a server would read is what the ledger says, and nothing that is blocked.
    const position = await house.ledger.position("s", "pilot");
    const blocked = (await house.ledger.restraints(false)).some(({ on }) => on.kind === "block-revision");
    assert.deepEqual(house.shown("pilot"), blocked && position?.revision === 3 ? [] : [`s ${position?.revision ?? 0}`]);
  });
  await fc.assert(property, { numRuns: 300 });
});

test("two who promote at once move the channel once, and the other is told so", async () => {
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      const house = await houseWith(0, false);
      const done = await atOnce(house, order, [
        ["promote", "ann"],
        ["promote", "bob"],
      ]);
      assert.equal((await pilotMoves(house)).length, 1);
      assert.equal(done.filter(({ told }) => told === "done").length, 1);
      for (const { told } of done) codes.add(told);
    }),
    { numRuns: 100 },
  );
  assert.ok(codes.has("promotion.changed-meanwhile"), "they never met: the property says nothing");
});

test("the last two sign-offs at once carry a proposal out once, and both stand", async () => {
  await fc.assert(
    fc.asyncProperty(orders, async (order) => {
      const house = await houseWith(2, true);
      await atOnce(house, order, [
        ["sign", "ann"],
        ["sign", "bob"],
      ]);
      const proposal = await house.ledger.proposal(1);
      assert.deepEqual([proposal?.state, proposal?.signOffs.length], ["done", 2]);
      const moves = (await house.ledger.moves("s", 99)).filter(({ reason }) => reason.startsWith("proposal 1"));
      assert.equal(moves.length, 1);
    }),
    { numRuns: 100 },
  );
});

test("whoever is held up at any call while the other does all: the pointer files say what the ledger says", async () => {
  for (const [first, second] of [
    [0, 1],
    [1, 0],
  ] as const)
    for (let calls = 0; calls <= 70; calls += 1) {
      const house = await houseWith(0, false);
      const order = new Bursts([
        [first, calls],
        [second, 1_000],
      ]);
      await atOnce(house, order, [
        ["promote", "ann"],
        ["block", "bob"],
      ]);
      const revision = (await house.ledger.position("s", "pilot"))?.revision ?? 0;
      const where = `held up after ${calls} calls`;
      assert.deepEqual(house.shown("pilot"), revision === 3 ? [] : [`s ${revision}`], where);
      assert.deepEqual(house.views.withheld.get("pilot")?.revisions, [{ source: "s", revision: 3 }], where);
    }
});

test("whoever is held up at any call: no move that was decided before a hold, a block or a policy comes behind it", async () => {
  const kinds = ["channel.moved", "restraint.set", "policy.set"];
  const told = new Set<string>();
  const orders = [["hold", 0] as const, ["hold", 1] as const, ["back", 0] as const];
  for (const [deed, first] of orders)
    for (let calls = 0; calls <= 60; calls += 1) {
      const house = await houseWith(0, false);
      const before = await house.ledger.auditSize();
      const order = new Bursts([
        [first, calls],
        [1 - first, 1_000],
      ]);
      const done = await atOnce(house, order, [
        [deed === "hold" ? "promote" : "back", "ann"],
        ["hold", "bob"],
      ]);
      for (const each of done) told.add(each.told);
      const lines = (await house.ledger.auditLines(before, 99)).map((line) => JSON.parse(line).kind);
      const seen = lines.filter((kind) => kinds.includes(kind));
      assert.notEqual(seen.at(-1), "channel.moved", `held up after ${calls} calls: ${seen.join(", ")}`);
    }
  assert.ok(told.has("promotion.changed-meanwhile"), "they never met: the property says nothing");
});
