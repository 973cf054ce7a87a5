import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { assertRefused, entryOf, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { ChannelMove } from "../core/model/channel.ts";
import { type MoveWish, promoteChannel, publishChannel, rollBackChannel } from "./promote.ts";

const PINNED = specOf({ trust: { kind: "pinned", digests: {} } });

/** A house with so many revisions of its source, each shown in staging in its turn. */
async function houseAt(revisions: number): Promise<House> {
  const house = new House();
  for (let number = 1; number <= revisions; number += 1) {
    house.offer({ a: `version ${number}` });
    assert.equal((await house.sync(PINNED)).revision, number);
  }
  return house;
}

function wish(channel: string, revision: number | null = null, reason = ""): MoveWish {
  return { source: "s", channel, revision, by: "ann", reason };
}

function moved(answer: Awaited<ReturnType<typeof promoteChannel>>): ChannelMove {
  assert.ok("at" in answer, JSON.stringify(answer));
  return answer;
}

const refusal = (answer: Awaited<ReturnType<typeof promoteChannel>>) => ("code" in answer ? answer : null);
const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;

test("a promotion shows what the channel before shows, is recorded, and its server is told", async () => {
  const house = await houseAt(2);
  house.announced.length = 0;
  const move = moved(await promoteChannel(house.doors, wish("pilot", null, "tested")));
  assert.deepEqual(
    { ...move, at: 0 },
    { source: "s", channel: "pilot", kind: "promotion", from: null, to: 2, at: 0, by: "ann", reason: "tested" },
  );
  assert.deepEqual([house.shown("pilot"), house.shown("production")], [["s 2"], []]);
  assert.deepEqual(house.announced, ["pilot"]);
  assert.deepEqual((await house.ledger.moves("s", 1))[0], move);
  assert.equal((await house.ledger.position("s", "pilot"))?.moves, 1);
  assert.equal(house.eventNames().at(-1), "channel.moved");
});

test("a revision asked for by number must have been in the channel before", async () => {
  const house = await houseAt(3);
  assert.equal(moved(await promoteChannel(house.doors, wish("pilot", 2))).to, 2);
  const refused = await promoteChannel(house.doors, wish("production", 3));
  assertRefused(refusal(refused), "promotion.not-in-earlier-channel");
  assert.deepEqual(house.codesOf("channel.move-refused"), ["promotion.not-in-earlier-channel"]);
  assert.equal(moved(await promoteChannel(house.doors, wish("production"))).to, 2);
  assert.deepEqual(house.shown("production"), ["s 2"]);
});

test("what does not exist is a failure with its code", async () => {
  const house = await houseAt(1);
  await assert.rejects(promoteChannel(house.doors, wish("nowhere")), failure("channel.unknown"));
  await assert.rejects(rollBackChannel(house.doors, wish("nowhere")), failure("channel.unknown"));
  await assert.rejects(promoteChannel(house.doors, wish("pilot", 9)), failure("revision.unknown"));
  await assert.rejects(promoteChannel(house.doors, wish("production")), failure("revision.unknown"));
  await assert.rejects(promoteChannel(new House().doors, wish("staging")), failure("revision.unknown"));
});

test("a rollback goes back to what the channel showed, also twice, and is recorded as one", async () => {
  const house = await houseAt(3);
  assert.equal(moved(await rollBackChannel(house.doors, wish("staging"))).to, 2);
  const second = moved(await rollBackChannel(house.doors, wish("staging", null, "worse")));
  assert.deepEqual([second.kind, second.from, second.to, second.reason], ["rollback", 2, 1, "worse"]);
  assert.deepEqual(house.shown("staging"), ["s 1"]);
  assertRefused(refusal(await rollBackChannel(house.doors, wish("staging"))), "rollback.nothing-older");
  assertRefused(refusal(await promoteChannel(house.doors, wish("staging", 1))), "promotion.already-there");
  assert.equal(moved(await promoteChannel(house.doors, wish("staging"))).to, 3);
});

test("every move is later than the one before it, also when our clock stands still or goes back", async () => {
  const house = await houseAt(2);
  const times: number[] = [];
  for (const step of [0, -3_600_000, 1, 999]) {
    house.now += step;
    times.push(moved(await rollBackChannel(house.doors, wish("staging"))).at);
    times.push(moved(await promoteChannel(house.doors, wish("staging"))).at);
  }
  for (const [index, time] of times.entries()) {
    assert.equal(time % 1_000, 0);
    assert.ok(index === 0 || time > (times[index - 1] ?? 0));
  }
});

test("of two who move one channel at once, one moves it and the other is told to look again", async () => {
  const house = await houseAt(3);
  await promoteChannel(house.doors, wish("pilot", 1));
  for (const [one, other] of [
    [promoteChannel(house.doors, wish("pilot", 2)), promoteChannel(house.doors, wish("pilot", 3))],
    [rollBackChannel(house.doors, wish("staging")), rollBackChannel(house.doors, wish("staging"))],
  ] as const) {
    const answers = await Promise.all([one, other]);
    const refusals = answers.map(refusal).filter((answer) => answer !== null);
    assert.deepEqual(
      refusals.map(({ code }) => code),
      ["promotion.changed-meanwhile"],
    );
  }
  // Three by the syncs, one to begin with, and one of each two.
  assert.equal((await house.ledger.moves("s", 10)).length, 6);
  assert.deepEqual(house.codesOf("channel.move-refused"), [
    "promotion.changed-meanwhile",
    "promotion.changed-meanwhile",
  ]);
});

/** Something that comes between the decision and the move, so many times. */
function coming(house: House, between: () => Promise<unknown>, times: number): void {
  const { ledger } = house;
  const moveChannel = ledger.moveChannel.bind(ledger);
  let left = times;
  ledger.moveChannel = async (...wanted) => {
    left -= 1;
    if (left >= 0) await between();
    return moveChannel(...wanted);
  };
}

test("an order between decision and move has it decided anew, a few times; another move ends it at once", async () => {
  const hold = (house: House, source: string): Promise<unknown> =>
    house.ledger.addRestraint({
      on: { kind: "hold", source, channel: null },
      reason: "",
      by: "bob",
      at: house.now,
      expiresAt: null,
    });
  const other = await houseAt(2);
  coming(other, () => hold(other, "t"), 2);
  assert.equal(moved(await promoteChannel(other.doors, wish("pilot"))).to, 2);
  assert.deepEqual(other.codesOf("channel.move-refused"), [], "what is decided anew was not refused");
  const busy = await houseAt(2);
  coming(busy, () => hold(busy, "t"), 3);
  assertRefused(refusal(await promoteChannel(busy.doors, wish("pilot"))), "promotion.changed-meanwhile");
  const held = await houseAt(2);
  coming(held, () => hold(held, "s"), 1);
  assertRefused(refusal(await promoteChannel(held.doors, wish("pilot"))), "channel.held");
  assert.deepEqual(held.shown("pilot"), []);
  const twice = await houseAt(2);
  coming(twice, () => promoteChannel({ ...twice.doors, ledger: twice.ledger }, wish("pilot", 1)), 1);
  assertRefused(refusal(await promoteChannel(twice.doors, wish("pilot", 2))), "promotion.changed-meanwhile");
  assert.deepEqual(twice.shown("pilot"), ["s 1"]);
});

test("the ledger is told before the pointer, and the view is there before either", async () => {
  const house = await houseAt(1);
  const steps: string[] = [];
  const { views, ledger } = house;
  views.revisions.clear();
  for (const [name, target] of [
    ["writeRevision", views],
    ["moveChannel", ledger],
    ["writePointer", views],
  ] as const) {
    const given: (...args: never[]) => Promise<unknown> = Reflect.get(target, name).bind(target);
    Reflect.set(target, name, (...args: never[]) => {
      steps.push(name);
      return given(...args);
    });
  }
  const announce = async (): Promise<void> => void steps.push("announce");
  await promoteChannel({ ...house.doors, announce }, wish("pilot"));
  assert.deepEqual(steps, ["writeRevision", "moveChannel", "writePointer", "announce"]);
});

test("a pointer file says what the ledger says, whoever of two writers is slower", async () => {
  const house = await houseAt(3);
  const { views } = house;
  const write = views.writePointer.bind(views);
  let first = true;
  views.writePointer = async (channel, mounts) => {
    if (first) {
      first = false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await write(channel, mounts);
  };
  const one = promoteChannel(house.doors, wish("pilot", 1));
  while (first) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([one, promoteChannel(house.doors, wish("pilot", 2))]);
  assert.deepEqual(house.shown("pilot"), ["s 2"]);
});

test("a channel shows all of its sources, each at its mount and with its forward moves", async () => {
  const house = await houseAt(2);
  house.offer({ x: "x" });
  await house.sync(specOf({ name: "other", mount: "/elsewhere/" }));
  const pointer = house.views.pointers.get("staging") ?? [];
  assert.deepEqual(
    pointer.map(({ source, mount, revision, steps }) => [source, mount, revision, steps.map((step) => step.revision)]),
    [
      ["other", "/elsewhere/", 1, [1]],
      ["s", "/s/", 2, [1, 2]],
    ],
  );
  await rollBackChannel(house.doors, wish("staging"));
  const back = house.views.pointers.get("staging")?.find(({ source }) => source === "s");
  assert.deepEqual(
    back?.steps.map((step) => step.revision),
    [1],
  );
});

test("a channel that nothing is in has an empty pointer", async () => {
  const house = new House();
  await publishChannel(house.doors, "pilot");
  assert.deepEqual(house.views.pointers.get("pilot"), []);
});

test("after a build time ahead of our clock, the next move is later than it", async () => {
  const house = await houseAt(1);
  const ahead = house.now + 80_000_500;
  const draft = { source: "s", series: [], vouchedBy: "pinned", unsigned: false };
  await house.ledger.sealRevision({ ...draft, entries: [entryOf("a", "x", { builtAt: ahead })] }, house.now);
  moved(await promoteChannel(house.doors, wish("staging")));
  assert.ok(moved(await rollBackChannel(house.doors, wish("staging"))).at > ahead);
});
