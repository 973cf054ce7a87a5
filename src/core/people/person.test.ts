import assert from "node:assert/strict";
import test from "node:test";
import { ROLES, type Role } from "../model/actor.ts";
import { includesRole, personName, rolesOfToken } from "./person.ts";

test("each role may what it is for, and an admin signs nothing off", () => {
  const may = (has: readonly Role[]): readonly Role[] => ROLES.filter((needed) => includesRole(has, needed));
  assert.deepEqual(may([]), []);
  assert.deepEqual(may(["viewer"]), ["viewer"]);
  assert.deepEqual(may(["operator"]), ["viewer", "operator"]);
  assert.deepEqual(may(["approver"]), ["viewer", "approver"]);
  assert.deepEqual(may(["admin"]), ["viewer", "operator", "admin"]);
});

test("a token never has more than its person", () => {
  const operator = { roles: ["operator"] as const };
  assert.deepEqual(rolesOfToken(operator, { roles: null }), ["operator"]);
  assert.deepEqual(rolesOfToken(operator, { roles: ["viewer", "approver", "admin"] }), ["viewer"]);
  assert.deepEqual(rolesOfToken({ roles: [] }, { roles: ["viewer"] }), []);
});

test("a name is one spelling of one person", () => {
  for (const good of ["anna", "a.b-c_d", "anna@example.org", "7"]) assert.ok(personName.safeParse(good).success, good);
  for (const bad of ["", "Anna", ".a", "a b", "a\n", "ä", "a".repeat(65), "schedule/../x"])
    assert.ok(!personName.safeParse(bad).success, bad);
});
