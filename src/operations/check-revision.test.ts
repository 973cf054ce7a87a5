import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import { DAY, HOUR } from "../core/kernel/instant.ts";
import { recordWord } from "./check-revision.ts";

const SPEC = specOf({ name: "s", checks: [{ kind: "command", name: "lab", command: ["/lab"] }] });

function offering(house: House, size: number): void {
  house.offer({ "a.txt": "x".repeat(size) });
}

test("each new revision is looked at once, and what is found stands with it", async () => {
  const house = new House();
  house.checked = (check) => ({ outcome: "bad", code: "check.said-bad", detail: `${check.kind} looked` });
  offering(house, 10);
  await house.sync(SPEC);
  await house.sync(SPEC);
  const found = await house.ledger.evidence("s", 1);
  assert.deepEqual(
    found.map(({ name, outcome }) => `${name} ${outcome}`),
    ["alarm.size good", "alarm.count good", "alarm.signer good", "alarm.version good", "lab bad"],
  );
  // What speaks well is no event.
  assert.deepEqual(house.codesOf("evidence.found"), ["check.said-bad"]);
});

test("a run ends as it ended, whatever its checks say", async () => {
  const house = new House();
  house.checked = () => ({ outcome: "bad", code: "check.load-failed", detail: "" });
  offering(house, 10);
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.deepEqual(house.shown("staging"), ["s 1"]);
});

test("a jump in size is an alarm against the revision that made it", async () => {
  const house = new House();
  for (const size of [100, 101, 102, 103, 300]) {
    offering(house, size);
    await house.sync(SPEC);
  }
  assert.deepEqual(house.codesOf("evidence.found"), ["alarm.size-jump"]);
  assert.ok((await house.ledger.evidence("s", 5)).some(({ code }) => code === "alarm.size-jump"));
});

test("a vendor that is quieter than it was is noted once for each silence", async () => {
  const house = new House();
  for (const size of [100, 101, 102, 103]) {
    offering(house, size);
    await house.sync(SPEC);
    house.now += HOUR;
  }
  for (let run = 0; run < 3; run += 1) {
    house.now += DAY;
    await house.sync(SPEC);
  }
  assert.deepEqual(house.codesOf("evidence.found"), ["alarm.vendor-silent"]);
  offering(house, 104);
  await house.sync(SPEC);
  house.now += 30 * DAY;
  await house.sync(SPEC);
  assert.deepEqual(house.codesOf("evidence.found"), ["alarm.vendor-silent", "alarm.vendor-silent"]);
});

test("a word from outside is recorded with who said it, of a revision that there is", async () => {
  const house = new House();
  offering(house, 10);
  await house.sync(SPEC);
  const doors = { ...house.doors };
  const word = { source: "s", revision: 1, name: "lab", good: false, detail: "broken", by: "ann" };
  const found = await recordWord(doors, word);
  assert.deepEqual([found.code, found.by], ["report.bad", "ann"]);
  await assert.rejects(recordWord(doors, { ...word, revision: 2 }), { code: "revision.unknown" });
});
