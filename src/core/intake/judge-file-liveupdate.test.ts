import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactOf, contentOf, digestOf, liveupdateSpec, NOW, signatureOf } from "../../../test/fixtures/intake.ts";
import type { ListedArtifact, Series } from "../model/feed-listing.ts";
import type { ContentFindings } from "../model/findings.ts";
import { type Candidate, judgeFile, provenSeries } from "./judge-file.ts";

const SHA256 = digestOf("content");
const SHA1 = "1".repeat(40);
const GOOD = [signatureOf("good", "S", { scheme: "x509-cms" })];

function candidate(artifact: Partial<ListedArtifact>, content: Partial<ContentFindings> | null = {}): Candidate {
  const inside = content === null ? null : contentOf({ signatures: GOOD, sha1: SHA1, ...content });
  const findings = { size: 7, sha256: SHA256, sha512: null, content: inside };
  return { artifact: artifactOf("f", { inspect: true, ...artifact }), file: "x-1.part", findings, lastModified: null };
}

function verdict(given: Candidate, profile: "modern" | "legacy-sha1" = "modern", held: readonly Series[] = []): string {
  const judged = judgeFile(given, liveupdateSpec(profile).trust, NOW, held);
  return judged.kind === "refused" ? judged.code : "accepted";
}

test("a file that a digest binds needs no signature of its own, and one that it has is good", () => {
  const digests = { sha256: SHA256 };
  assert.equal(verdict(candidate({ digests }, { signatures: [] })), "accepted");
  assert.equal(verdict(candidate({ digests })), "accepted");
  for (const [status, code] of [
    ["wrong", "artifact.signature-wrong"],
    ["weak", "artifact.signature-wrong"],
    ["expired", "artifact.signature-wrong"],
    ["unknown-key", "artifact.signer-unknown"],
  ] as const)
    assert.equal(verdict(candidate({ digests }, { signatures: [...GOOD, signatureOf(status)] })), code);
  assert.equal(verdict(candidate({ digests }, { contradictions: ["x"] })), "artifact.contradicts-itself");
});

test("SHA-1 binds what was inspected, under its own profile", () => {
  const old = { digests: { sha1: SHA1 } };
  assert.equal(verdict(candidate(old, { signatures: [] }), "legacy-sha1"), "accepted");
  assert.equal(verdict(candidate(old), "modern"), "feed.digest-weak");
  assert.equal(verdict(candidate({ digests: { sha1: "2".repeat(40) } }), "legacy-sha1"), "artifact.digest-differs");
  assert.equal(verdict(candidate({ ...old, inspect: false }, null), "legacy-sha1"), "feed.digest-missing");
  assert.equal(verdict(candidate(old, null), "legacy-sha1"), "artifact.malformed");
  const { sha1: _, ...unhashed } = contentOf({ signatures: GOOD });
  const given = candidate(old);
  const without = { ...given, findings: { ...given.findings, content: unhashed } };
  assert.equal(verdict(without, "legacy-sha1"), "artifact.digest-differs");
  // It is compared wherever the feed names it, also beside a better one.
  const both = { digests: { sha1: "2".repeat(40), sha256: SHA256 } };
  assert.equal(verdict(candidate(both)), "artifact.digest-differs");
});

test("without a digest a file proves itself by its guard, and moves in a series", () => {
  const extra = { series: "guard f" };
  assert.equal(verdict(candidate(extra, { version: 5 })), "accepted");
  assert.equal(verdict(candidate(extra, { signatures: [] })), "artifact.signature-wrong");
  assert.equal(verdict(candidate({}, { version: 5 })), "feed.digest-missing");
  assert.equal(verdict(candidate({ ...extra, inspect: false }, null)), "feed.digest-missing");
});

test("its own version is held against what the last revision had", () => {
  const extra = { series: "guard f" };
  const held = [{ name: "guard f", version: 5 }];
  for (const version of [5, 6]) assert.equal(verdict(candidate(extra, { version }), "modern", held), "accepted");
  for (const version of [4, null])
    assert.equal(verdict(candidate(extra, { version }), "modern", held), "artifact.older-than-held");
  assert.equal(verdict(candidate(extra, { version: 1 }), "modern", [{ name: "guard g", version: 5 }]), "accepted");
});

test("what it proved is remembered where nobody said it before", () => {
  assert.deepEqual(provenSeries(candidate({ series: "guard f" }, { version: 5 })), { name: "guard f", version: 5 });
  assert.equal(provenSeries(candidate({ series: "guard f" }, { version: null })), null);
  assert.equal(provenSeries(candidate({ series: "daily", version: 5 }, { version: 5 })), null);
  assert.equal(provenSeries(candidate({}, { version: 5 })), null);
});
