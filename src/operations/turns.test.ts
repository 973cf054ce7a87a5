import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";
import { Turns } from "./turns.ts";

test("never more than so many work at once, all get their turn, in order, and a fault frees its place", async () => {
  const turns = new Turns(2);
  const began: number[] = [];
  let working = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      turns.take(async () => {
        began.push(index);
        working += 1;
        most = Math.max(most, working);
        await tick();
        working -= 1;
        if (index % 3 === 0) throw new Error("fault");
      }),
    ),
  );
  assert.equal(most, 2);
  assert.deepEqual(
    began,
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal(results.filter(({ status }) => status === "rejected").length, 7);
});
