import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type IssuerIdentity, judgeIdentity } from "./judge-identity.ts";
import type { Person } from "./person.ts";

const issuer = "https://login.example";
const config = { issuer, roles: { operator: ["ops"], admin: ["boss"] }, require: { hd: ["example.org"] } };

function identityOf(rest: Partial<IssuerIdentity> = {}): IssuerIdentity {
  return { issuer, subject: "1", name: "Anna", groups: ["ops"], required: { hd: ["example.org"] }, ...rest };
}

function personOf(name: string, rest: Partial<Person> = {}): Person {
  return { name, roles: ["viewer"], disabled: false, hasPassword: false, identity: null, createdAt: 0, ...rest };
}

const codeOf = (verdict: ReturnType<typeof judgeIdentity>) =>
  verdict.kind === "accepted" ? [verdict.name, ...verdict.roles] : verdict.code;

test("who comes in is who they were, whatever name the issuer gives now, with what their groups give now", () => {
  const known = personOf("anna", { roles: ["admin"], identity: { issuer, subject: "1" } });
  assert.deepEqual(codeOf(judgeIdentity(identityOf(), config, null, null)), ["anna", "operator"]);
  assert.deepEqual(codeOf(judgeIdentity(identityOf({ name: "ben" }), config, known, personOf("ben"))), [
    "anna",
    "operator",
  ]);
  assert.equal(codeOf(judgeIdentity(identityOf({ groups: [] }), config, known, null)), "login.not-allowed");
  assert.equal(codeOf(judgeIdentity(identityOf(), config, { ...known, disabled: true }, null)), "login.not-allowed");
});

test("a name that is no person's name here is none, and one that somebody has is not taken over", () => {
  for (const name of [null, "", "-anna", "an na", "anna/../ben", "\u0430nna", "a".repeat(65)])
    assert.equal(codeOf(judgeIdentity(identityOf({ name }), config, null, null)), "login.not-allowed");
  assert.equal(codeOf(judgeIdentity(identityOf(), config, null, personOf("anna"))), "login.name-taken");
});

test("nobody comes in without a group that has a role, with another tenant, or from another issuer", () => {
  const text = fc.constantFrom("ops", "boss", "Ops", "ops ", "others", "example.org", "example.com", "");
  const anybody = fc.record({
    issuer: fc.constantFrom(issuer, `${issuer}/`, "https://evil.example"),
    subject: fc.constantFrom("1", ""),
    name: fc.constantFrom("anna", "ANNA", "x y", null),
    groups: fc.array(text, { maxLength: 4 }),
    required: fc.record({ hd: fc.array(text, { maxLength: 2 }) }, { requiredKeys: [] }),
  });
  fc.assert(
    fc.property(anybody, (identity) => {
      const verdict = judgeIdentity(identity, config, null, null);
      if (verdict.kind !== "accepted") return;
      assert.equal(identity.issuer, issuer);
      assert.ok(identity.required.hd?.includes("example.org"));
      assert.equal(verdict.roles.includes("admin"), identity.groups.includes("boss"));
      assert.equal(verdict.roles.includes("operator"), identity.groups.includes("ops"));
      assert.ok(verdict.roles.length > 0 && verdict.name === "anna" && identity.subject !== "");
    }),
  );
});
