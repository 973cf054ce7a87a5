import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY } from "../kernel/instant.ts";
import { type CertificateFacts, endOf, judgeCertificate } from "./judge-certificate.ts";

const facts: CertificateFacts = { fingerprint: "ab", notBefore: 0, notAfter: 90 * DAY, names: [], fault: null };

test("a pair that does not fit, has ended or has not begun is refused, each with its code", () => {
  assert.equal(judgeCertificate(facts, DAY), null);
  assert.equal(judgeCertificate(facts, 90 * DAY), null);
  assert.equal(judgeCertificate(facts, 90 * DAY + 1)?.code, "certificate.expired");
  assert.equal(judgeCertificate(facts, -1)?.code, "certificate.not-yet-valid");
  const fault = { code: "certificate.key-differs", detail: "another key" } as const;
  assert.equal(judgeCertificate({ ...facts, fault }, DAY)?.code, "certificate.key-differs");
});

test("the warning comes three weeks before the end, and for short lives in their last quarter", () => {
  assert.equal(endOf(facts, 68 * DAY), "far");
  assert.equal(endOf(facts, 70 * DAY), "ending");
  assert.equal(endOf(facts, 90 * DAY), "ending");
  assert.equal(endOf(facts, 90 * DAY + 1), "expired");
  const short = { ...facts, notAfter: 6 * DAY };
  assert.equal(endOf(short, 4 * DAY), "far");
  assert.equal(endOf(short, 5 * DAY), "ending");
});
