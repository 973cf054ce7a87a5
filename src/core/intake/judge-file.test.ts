import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { artifactOf, assertRefused, contentOf, digestOf, NOW, signatureOf } from "../../../test/fixtures/intake.ts";
import { LIMITS } from "../kernel/limits.ts";
import type { ListedArtifact } from "../model/feed-listing.ts";
import type { ContentFindings } from "../model/findings.ts";
import type { Trust } from "../model/source.ts";
import { type Accepted, type Candidate, judgeCompanion, judgeFile } from "./judge-file.ts";

const SHA256 = digestOf("content");
const SHA512 = "5".repeat(128);
const NONE: Trust = { kind: "none" };
const CLAMAV: Trust = { kind: "clamav", roots: [] };
const BY_DIGEST: readonly Trust[] = [
  { kind: "openpgp", keys: ["K"], threshold: 1 },
  { kind: "minisign", keys: ["K"], threshold: 1 },
  { kind: "pinned", digests: {} },
];

function candidate(
  artifact: Partial<ListedArtifact> = {},
  content: Partial<ContentFindings> | null = null,
  lastModified: number | null = null,
): Candidate {
  const findings = { size: 7, sha256: SHA256, sha512: SHA512, content: content === null ? null : contentOf(content) };
  return { artifact: artifactOf("f", artifact), file: "x-1.part", findings, lastModified };
}

function inspected(content: Partial<ContentFindings>, artifact: Partial<ListedArtifact> = {}): Candidate {
  return candidate({ inspect: true, ...artifact }, content);
}

function accepted(given: Candidate, trust: Trust = NONE): Accepted {
  const verdict = judgeFile(given, trust, NOW);
  assert.ok(verdict.kind === "accepted", JSON.stringify(verdict));
  return verdict;
}

const refused = (given: Candidate, trust: Trust = NONE) => {
  const verdict = judgeFile(given, trust, NOW);
  return verdict.kind === "refused" ? verdict.code : null;
};

test("a file that is what was promised is accepted, with what the store needs of it", () => {
  const digests = { sha256: SHA256, sha512: SHA512 };
  const { kind, path, file, sha256, size, builtAt } = accepted(candidate({ size: 7, digests }), BY_DIGEST[0]);
  assert.deepEqual(
    { kind, path, file, sha256, size, builtAt },
    { kind: "accepted", path: "f", file: "x-1.part", sha256: SHA256, size: 7, builtAt: null },
  );
});

test("bytes other than the promised ones are refused", () => {
  for (const size of [6, 8]) assert.equal(refused(candidate({ size })), "artifact.size-differs");
  assert.equal(refused(candidate({ digests: { sha256: digestOf("other") } })), "artifact.digest-differs");
  assert.equal(refused(candidate({ digests: { sha512: "6".repeat(128) } })), "artifact.digest-differs");
  // Both are looked at: one that fits does not speak for the other.
  const mixed = { sha256: SHA256, sha512: "6".repeat(128) };
  assert.equal(refused(candidate({ digests: mixed })), "artifact.digest-differs");
  const uncomputed = candidate({ digests: { sha512: SHA512 } });
  const without = { ...uncomputed, findings: { ...uncomputed.findings, sha512: null } };
  assert.equal(refused(without), "artifact.digest-differs");
});

test("under every trust but none, something must bind the bytes", () => {
  for (const trust of [...BY_DIGEST, CLAMAV]) {
    assert.equal(refused(candidate(), trust), "feed.digest-missing", trust.kind);
    assert.equal(refused(candidate({ digests: { sha256: SHA256 } }), trust), null, trust.kind);
    assert.equal(refused(candidate({ digests: { sha512: SHA512 } }), trust), null, trust.kind);
  }
  assert.equal(refused(candidate(), NONE), null);
  assert.equal(refused(inspected({}), CLAMAV), null);
  // A signature inside the file is not the trust of a source that trusts a list.
  for (const trust of BY_DIGEST) assert.equal(refused(inspected({}), trust), "feed.digest-missing", trust.kind);
});

test("what the inside of a file says is judged, each fault by its code", () => {
  const bad = (status: "wrong" | "expired" | "weak" | "malformed" | "unknown-key") => [
    signatureOf("good"),
    signatureOf(status, "X"),
  ];
  const table: readonly (readonly [Candidate, string])[] = [
    [candidate({ inspect: true }), "artifact.malformed"],
    [inspected({ expandedPastCap: true }), "artifact.expands-too-far"],
    [inspected({ malformed: "no magic" }), "artifact.malformed"],
    [inspected({ signatures: [] }), "artifact.signature-wrong"],
    [inspected({ signatures: bad("wrong") }), "artifact.signature-wrong"],
    [inspected({ signatures: bad("expired") }), "artifact.signature-wrong"],
    [inspected({ signatures: bad("weak") }), "artifact.signature-wrong"],
    [inspected({ signatures: bad("malformed") }), "artifact.signature-wrong"],
    [inspected({ signatures: bad("unknown-key") }), "artifact.signer-unknown"],
    [inspected({ contradictions: ["version: header 7, .info 6"] }), "artifact.contradicts-itself"],
    [inspected({ version: 6 }, { version: 7 }), "artifact.version-differs"],
    [inspected({ version: null }, { version: 7 }), "artifact.version-differs"],
    [inspected({ builtAt: NOW + LIMITS.clockTolerance + 1 }), "artifact.from-the-future"],
    [inspected({ builtAt: Number.MAX_SAFE_INTEGER }), "artifact.from-the-future"],
  ];
  for (const [given, code] of table) assert.equal(refused(given, CLAMAV), code, JSON.stringify(given.findings.content));
  assert.equal(refused(inspected({ version: 7, builtAt: NOW + LIMITS.clockTolerance }, { version: 7 }), CLAMAV), null);
});

test("the gravest fault is the one that is named: bytes, binding, unpacking, form, signature, sense", () => {
  const faults = {
    expandedPastCap: true,
    malformed: "x",
    signatures: [],
    contradictions: ["x"],
    version: 1,
    builtAt: NOW * 2,
  };
  assert.equal(refused(inspected(faults, { size: 1, version: 2 }), CLAMAV), "artifact.size-differs");
  assert.equal(refused(inspected(faults, { version: 2 }), BY_DIGEST[2]), "feed.digest-missing");
  const order: readonly (readonly [Partial<ContentFindings>, string])[] = [
    [{}, "artifact.expands-too-far"],
    [{ expandedPastCap: false }, "artifact.malformed"],
    [{ malformed: null }, "artifact.signature-wrong"],
    [{ signatures: [signatureOf("good")] }, "artifact.contradicts-itself"],
    [{ contradictions: [] }, "artifact.version-differs"],
    [{ version: 2 }, "artifact.from-the-future"],
  ];
  let left: Partial<ContentFindings> = faults;
  for (const [healed, code] of order) {
    left = { ...left, ...healed };
    assert.equal(refused(inspected(left, { version: 2 }), CLAMAV), code);
  }
});

test("what a vendor's file says is quoted in a refusal", () => {
  const foul = "x\u001b[2J\n";
  for (const content of [
    { malformed: foul },
    { contradictions: [foul] },
    { signatures: [signatureOf("wrong", foul, { detail: foul })] },
  ]) {
    const verdict = judgeFile(inspected(content), CLAMAV, NOW);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    assert.doesNotMatch(
      assertRefused(verdict, verdict.kind === "refused" ? verdict.code : "feed.empty").detail,
      /[\u0000-\u001f]/,
    );
  }
});

test("a build time is the content's own, else the upstream's word, believed no further than our clock", () => {
  assert.equal(accepted(inspected({ builtAt: 5_000 }), CLAMAV).builtAt, 5_000);
  assert.equal(accepted(candidate({}, null, 5_000)).builtAt, 5_000);
  assert.equal(accepted(candidate({}, null, NOW + 1)).builtAt, NOW);
  // Times before 1970 cannot stand in a view.
  assert.equal(accepted(candidate({}, null, -5_000)).builtAt, 0);
  assert.equal(accepted(inspected({ builtAt: -5_000 }), CLAMAV).builtAt, 0);
});

test("a file is accepted only if its bytes are those that bind it, whatever else is true of it", () => {
  const digests = fc.record(
    { sha256: fc.constantFrom(SHA256, digestOf("other")), sha512: fc.constantFrom(SHA512, "6".repeat(128)) },
    { requiredKeys: [] },
  );
  const trust = fc.constantFrom<Trust>(NONE, CLAMAV, ...BY_DIGEST);
  const status = fc.constantFrom("good", "wrong", "unknown-key", "expired", "malformed", "weak");
  const content = fc.record({
    signatures: fc.array(
      status.map((each) => signatureOf(each)),
      { maxLength: 3 },
    ),
  });
  fc.assert(
    fc.property(digests, trust, fc.option(content), fc.boolean(), (named, kind, seen, inspect) => {
      const artifact = { inspect, digests: named };
      const verdict = judgeFile(candidate(artifact, seen), kind, NOW);
      if (verdict.kind !== "accepted") return;
      assert.ok((named.sha256 ?? SHA256) === SHA256 && (named.sha512 ?? SHA512) === SHA512);
      const proven = seen !== null && seen.signatures.length > 0 && seen.signatures.every((s) => s.status === "good");
      assert.ok(!inspect || proven);
      const bound = named.sha256 !== undefined || named.sha512 !== undefined;
      assert.ok(bound || kind.kind === "none" || (kind.kind === "clamav" && proven));
    }),
  );
});

test("a detached signature is accepted with the file that it was found good over, and with no other", () => {
  const good = signatureOf("good", "root", { scheme: "x509-cms", over: "f" });
  const inner = signatureOf("good", "vendor", { scheme: "cvd-rsa", over: "f" });
  const main = (signatures: readonly (typeof good)[], companion: string | null = "f.sign") =>
    inspected({ signatures: [inner, ...signatures] }, { companion });
  const sign = { ...candidate(), artifact: artifactOf("f.sign", { optional: true }) };
  const verdict = (given: Candidate, trust: Trust = CLAMAV, companion = sign) => {
    const judged = judgeCompanion(companion, given, trust, NOW);
    return judged.kind === "refused" ? judged.code : judged.path;
  };
  assert.equal(verdict(main([good])), "f.sign");
  assert.equal(verdict(main([])), "artifact.signature-wrong");
  assert.equal(verdict(main([{ ...good, status: "unknown-key" }])), "artifact.signature-wrong");
  assert.equal(verdict(main([{ ...good, over: "g" }])), "artifact.signature-wrong");
  assert.equal(verdict(main([{ ...good, scheme: "cvd-rsa" }])), "artifact.signature-wrong");
  assert.equal(verdict(main([good], "g.sign")), "artifact.signature-wrong");
  assert.equal(verdict(candidate({ companion: "f.sign" })), "artifact.signature-wrong");
  assert.equal(
    verdict(main([good]), CLAMAV, { ...sign, artifact: artifactOf("f.sign", { size: 9 }) }),
    "artifact.size-differs",
  );
  for (const trust of BY_DIGEST) assert.equal(verdict(main([good]), trust), "feed.digest-missing", trust.kind);
});
