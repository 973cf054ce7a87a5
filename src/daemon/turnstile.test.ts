import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Turnstile } from "./turnstile.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await tick();
}

test("sharers work side by side; who works alone has nobody beside him; everybody comes to his turn", async () => {
  const work = fc.record({
    alone: fc.boolean(),
    comes: fc.integer({ min: 0, max: 6 }),
    takes: fc.integer({ min: 0, max: 4 }),
    fails: fc.boolean(),
  });
  let beside = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(work, { maxLength: 10 }), async (works) => {
      const turnstile = new Turnstile();
      let sharing = 0;
      let alone = 0;
      let done = 0;
      const one = async ({ alone: solitary, comes, takes, fails }: (typeof works)[number]): Promise<void> => {
        await ticks(comes);
        const body = async (): Promise<number> => {
          if (solitary) alone += 1;
          else sharing += 1;
          assert.ok(alone === 0 || (alone === 1 && sharing === 0), `${alone} alone beside ${sharing} sharers`);
          beside = Math.max(beside, sharing);
          await ticks(takes);
          if (solitary) alone -= 1;
          else sharing -= 1;
          if (fails) throw new RangeError("its own fault");
          return takes;
        };
        const given = solitary ? turnstile.alone(body) : turnstile.shared(body);
        if (fails) await assert.rejects(given, RangeError);
        else assert.equal(await given, takes);
        done += 1;
      };
      await Promise.all(works.map(one));
      assert.equal(done, works.length);
    }),
    { numRuns: 300 },
  );
  assert.ok(beside > 1, "no two ever shared: the property says nothing");
});

test("first come, first served: who comes behind one that waits to be alone waits behind it", async () => {
  const turnstile = new Turnstile();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const works = [
    turnstile.shared(() => first.promise.then(() => order.push("shared 1"))),
    turnstile.alone(async () => order.push("alone")),
    turnstile.shared(async () => order.push("shared 2")),
    turnstile.alone(async () => order.push("alone 2")),
  ];
  await ticks(3);
  assert.deepEqual(order, []);
  first.resolve();
  await Promise.all(works);
  assert.deepEqual(order, ["shared 1", "alone", "shared 2", "alone 2"]);
});
