import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Recall, RecallList } from "../core/model/recall.ts";
import { obeyRecalls } from "./recall.ts";
import { newProductState, type ProductState } from "./state.ts";

const ID = { product: "Example AV", version: "1.0", language: "English" };

function listOf(...recalls: readonly Partial<Recall>[]): RecallList {
  const whole = { channel: "production", product: ID, from: 5, until: 6, to: 4, reason: "", issuedAt: 1, serial: 1 };
  return { format: "ringfort-recalls-1", issuedAt: 1, recalls: recalls.map((one) => ({ ...whole, ...one })) };
}

function obey(state: Partial<ProductState>, list: RecallList, installed: number | null): ProductState {
  return obeyRecalls({ ...newProductState(ID), ...state }, list, "production", ID, installed);
}

test("who has a recalled sequence is owed a way back; the floor sinks to it", () => {
  const after = obey({ floor: 6 }, listOf({}), 6);
  assert.deepEqual([after.owed, after.floor, after.barred], [{ serial: 1, to: 4 }, 4, [{ from: 5, until: 6 }]]);
});

test("who does not have it is only barred from it", () => {
  for (const installed of [null, 4, 7]) {
    const after = obey({ floor: installed ?? 0 }, listOf({}), installed);
    assert.deepEqual([after.owed, after.floor, after.barred.length], [null, installed ?? 0, 1]);
  }
});

test("a serial counts once, for its own channel and product, without regard to case", () => {
  assert.equal(obey({ obeyed: { production: 1 } }, listOf({}), 6).owed, null);
  assert.equal(obey({ obeyed: { staging: 9 } }, listOf({}), 6).owed?.to, 4);
  assert.equal(obey({}, listOf({ channel: "staging" }), 6).owed, null);
  assert.equal(obey({}, listOf({ product: { ...ID, version: "2.0" } }), 6).owed, null);
  assert.equal(obey({}, listOf({ product: { ...ID, product: "EXAMPLE av" } }), 6).owed?.to, 4);
});

test("a second recall of where the first one leads leads on; ranges that touch become one", () => {
  const after = obey({ floor: 6 }, listOf({ serial: 2, from: 3, until: 4, to: 2 }, { serial: 1 }), 6);
  assert.deepEqual([after.owed, after.barred], [{ serial: 2, to: 2 }, [{ from: 3, until: 6 }]]);
});

test("property: obeying twice is obeying once, and nothing barred is ever let go", () => {
  const range = fc.tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.option(fc.integer({ min: 0, max: 25 })), (ranges, installed) => {
      const list = listOf(
        ...ranges.map(([from, more, serial]) => ({ from, until: from + more, to: from - 1, serial })),
      );
      const once = obey({ floor: installed ?? 0 }, list, installed);
      assert.deepEqual(obeyRecalls(once, list, "production", ID, installed), once);
      for (const { from, until } of list.recalls)
        assert.ok(once.barred.some((held) => held.from <= from && held.until >= until));
    }),
  );
});
