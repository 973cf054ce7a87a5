import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Role } from "../model/actor.ts";
import type { SignOffDemand } from "../model/policy.ts";
import { missingSignOffs, strictest } from "./sign-offs.ts";

const signed = (by: string, ...roles: readonly Role[]) => ({ by, roles });

test("of several rules the strictest wins for each role", () => {
  const rules: readonly (readonly SignOffDemand[])[] = [
    [
      { role: "approver", people: 1 },
      { role: "admin", people: 1 },
    ],
    [{ role: "approver", people: 2 }],
  ];
  assert.deepEqual(strictest(rules), [
    { role: "approver", people: 2 },
    { role: "admin", people: 1 },
  ]);
});

test("one person counts once, and nobody counts for their own", () => {
  const two = [{ role: "approver" as const, people: 2 }];
  assert.deepEqual(missingSignOffs(two, [signed("ann", "approver"), signed("ann", "approver")], []), [
    { role: "approver", people: 1 },
  ]);
  assert.deepEqual(missingSignOffs(two, [signed("ann", "approver"), signed("bob", "approver")], ["bob"]), [
    { role: "approver", people: 1 },
  ]);
  assert.deepEqual(missingSignOffs(two, [signed("ann", "approver"), signed("bob", "approver")], ["eve"]), []);
});

test("who has two roles is counted where they are needed, and for one of them only", () => {
  const demands = [
    { role: "approver" as const, people: 1 },
    { role: "admin" as const, people: 1 },
  ];
  assert.deepEqual(missingSignOffs(demands, [signed("ann", "approver", "admin"), signed("bob", "approver")], []), []);
  assert.equal(missingSignOffs(demands, [signed("ann", "approver", "admin")], []).length, 1);
});

test("nothing is missing exactly when everybody can take a place of their own (Hall)", () => {
  const role = fc.constantFrom("operator" as const, "approver" as const, "admin" as const);
  const demands = fc
    .array(fc.record({ role, people: fc.integer({ min: 1, max: 3 }) }), { maxLength: 3 })
    .map((each) => strictest([each]));
  const signOffs = fc.uniqueArray(
    fc.record({ by: fc.constantFrom("a", "b", "c", "d", "e", "f"), roles: fc.uniqueArray(role, { maxLength: 3 }) }),
    { selector: ({ by }) => by },
  );
  fc.assert(
    fc.property(demands, signOffs, (asked, given) => {
      const subsets = [
        [],
        ...asked.reduce<SignOffDemand[][]>((sets, one) => [...sets, [one], ...sets.map((set) => [...set, one])], []),
      ];
      const met = subsets.every((set) => {
        const able = given.filter(({ roles }) => set.some((one) => roles.includes(one.role)));
        return able.length >= set.reduce((sum, { people }) => sum + people, 0);
      });
      assert.equal(missingSignOffs(asked, given, []).length === 0, met);
    }),
    { numRuns: 1_000 },
  );
});
