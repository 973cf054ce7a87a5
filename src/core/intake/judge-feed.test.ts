import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  artifactOf,
  assertRefused,
  NOW,
  revisionOf,
  signatureOf,
  signedSpec,
  specOf,
} from "../../../test/fixtures/intake.ts";
import { DAY } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import type { ListedArtifact, Series, SignatureFinding } from "../model/feed-listing.ts";
import type { Revision } from "../model/revision.ts";
import type { SourceSpec } from "../model/source.ts";
import { type AcceptedFeed, judgeFeed } from "./judge-feed.ts";

interface Given {
  readonly artifacts?: readonly ListedArtifact[];
  readonly series?: readonly Series[];
  readonly signatures?: readonly SignatureFinding[];
  readonly malformed?: string | null;
  readonly spec?: SourceSpec;
  readonly last?: Revision | null;
}

function judge(given: Given): ReturnType<typeof judgeFeed> {
  const { artifacts = [artifactOf("a")], series = [], signatures = [], malformed = null } = given;
  const { spec = specOf(), last = null } = given;
  const listing = { artifacts: [...artifacts], series: [...series] };
  return judgeFeed(listing, { signatures: [...signatures], malformed }, spec, last, NOW);
}

function accepted(given: Given): AcceptedFeed {
  const answer = judge(given);
  assert.ok(answer.kind === "accepted-feed", JSON.stringify(answer));
  return answer;
}

function named(...paths: readonly string[]): readonly ListedArtifact[] {
  return paths.map((path) => ({ ...artifactOf("a"), path }));
}

test("each kind of trust accepts what it vouches for, and says who did", () => {
  const pinned = specOf({ trust: { kind: "pinned", digests: {} } });
  const clamav = specOf({ feed: { format: "clamav" }, trust: { kind: "clamav" } });
  const minisign = specOf({ trust: { kind: "minisign", keys: [`RW${"A".repeat(54)}`] } });
  assert.equal(accepted({}).vouchedBy, "none");
  assert.equal(accepted({ spec: pinned }).vouchedBy, "pinned");
  assert.equal(accepted({ spec: clamav }).vouchedBy, "ClamAV production key");
  assert.equal(accepted({ spec: minisign, signatures: [signatureOf("good", "K")] }).vouchedBy, "minisign K");
  const two = [
    signatureOf("good", "B"),
    signatureOf("good", "A"),
    signatureOf("good", "B"),
    signatureOf("expired", "C"),
  ];
  assert.equal(accepted({ spec: signedSpec(2), signatures: two }).vouchedBy, "openpgp A, openpgp B");
});

test("an index that could not be read is malformed, and what it says of itself is quoted", () => {
  const { detail } = assertRefused(judge({ malformed: "line 3: \u001b[31m" }), "feed.malformed");
  assert.equal(detail, "line 3: \\u001b[31m");
});

test("more names than the limits allow are too many, before any is looked at", () => {
  const artifacts = Array.from<ListedArtifact>({ length: LIMITS.feedNames + 1 }).fill(artifactOf("a"));
  assertRefused(judge({ artifacts }), "feed.too-many-names");
});

test("the demanded signature must be there", () => {
  assertRefused(judge({ spec: signedSpec(), signatures: [] }), "feed.unsigned");
  assertRefused(judge({ spec: signedSpec(2), signatures: [signatureOf("good")] }), "feed.unsigned");
});

test("a stranger's signature and an expired one have codes apart", () => {
  assertRefused(judge({ spec: signedSpec(), signatures: [signatureOf("unknown-key", "X")] }), "feed.signer-unknown");
  assertRefused(judge({ spec: signedSpec(), signatures: [signatureOf("expired")] }), "feed.signature-expired");
  // Beside enough good ones neither matters: anyone may add a signature of his own.
  for (const status of ["unknown-key", "expired"] as const)
    accepted({ spec: signedSpec(), signatures: [signatureOf("good"), signatureOf(status, "X")] });
});

test("a signature that does not verify is never outvoted by good ones", () => {
  for (const status of ["wrong", "malformed", "weak"] as const) {
    for (const signatures of [
      [signatureOf("good", "A"), signatureOf("good", "B"), signatureOf(status, "C")],
      [signatureOf(status, "C"), signatureOf("good", "A"), signatureOf("good", "B")],
    ])
      assertRefused(judge({ spec: signedSpec(2), signatures }), "feed.signature-wrong", status);
  }
});

test("a key counts once, however often it signed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("A", "B", "C"), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3 }),
      (signers, threshold) => {
        const signatures = signers.map((signer) => signatureOf("good", signer));
        const answer = judge({ spec: signedSpec(threshold), signatures });
        assert.equal(answer.kind === "accepted-feed", new Set(signers).size >= threshold);
      },
    ),
  );
});

test("a signature made ahead of our clock, by more than clocks differ, is from the future", () => {
  const at = (signedAt: number) => [signatureOf("good", "A", { signedAt })];
  accepted({ spec: signedSpec(), signatures: at(NOW + LIMITS.clockTolerance) });
  assertRefused(judge({ spec: signedSpec(), signatures: at(NOW + LIMITS.clockTolerance + 1) }), "feed.from-the-future");
  assertRefused(judge({ spec: signedSpec(), signatures: at(Number.MAX_SAFE_INTEGER) }), "feed.from-the-future");
});

test("a series goes on or stays, and never goes back", () => {
  const last = revisionOf(4, { series: [{ name: "daily", version: 10 }] });
  for (const version of [10, 11]) accepted({ last, series: [{ name: "daily", version }] });
  accepted({ last, series: [{ name: "main", version: 1 }] });
  const back = [
    { name: "main", version: 60 },
    { name: "daily", version: 9 },
  ];
  const { detail } = assertRefused(judge({ last, series: back }), "feed.older-than-held");
  assert.match(detail, /daily is at 9, we hold 10/);
});

test("a signed list without a time is older than one with a time", () => {
  const timed = revisionOf(4, { series: [{ name: "SHA256SUMS", version: 10 }] });
  const signatures = [signatureOf("good", "A", { signedAt: null })];
  assertRefused(judge({ spec: signedSpec(), signatures, last: timed }), "feed.older-than-held");
  accepted({ spec: signedSpec(), signatures, last: revisionOf(4) });
  accepted({ spec: signedSpec(), signatures, last: timed, series: [{ name: "SHA256SUMS", version: 10 }] });
  // Where nothing is signed there never was a time to go by.
  accepted({ last: timed });
});

test("only what the selection wants is taken, and nothing at all is an empty feed", () => {
  const artifacts = named("a.deb", "a.txt", "sub/b.deb");
  const select = (include: string[], exclude: string[] = []) => specOf({ selection: { include, exclude } });
  const paths = (spec: SourceSpec) => accepted({ artifacts, spec }).artifacts.map(({ path }) => path);
  assert.deepEqual(paths(select(["**"])), ["a.deb", "a.txt", "sub/b.deb"]);
  assert.deepEqual(paths(select(["**/*.deb"])), ["a.deb", "sub/b.deb"]);
  assert.deepEqual(paths(select(["*.deb", "*.txt"], ["a.t*"])), ["a.deb"]);
  assertRefused(judge({ artifacts, spec: select(["*.rpm"]) }), "feed.empty");
  assertRefused(judge({ artifacts: [] }), "feed.empty");
});

test("a name that the selection leaves out may be what it likes; a wanted one may not", () => {
  const artifacts = named("good", "../bad");
  const spec = specOf({ selection: { include: ["good"] } });
  assert.equal(accepted({ artifacts, spec }).artifacts.length, 1);
  assertRefused(judge({ artifacts }), "feed.unsafe-name");
});

test("names that cannot stand side by side are refused", () => {
  assertRefused(judge({ artifacts: named("a", "b", "a") }), "feed.duplicate-name");
  for (const pair of [
    ["Readme", "README"],
    ["lib", "lib/x"],
    ["lib/x", "lib"],
    ["Lib/x/y/z", "lib/X"],
  ])
    assertRefused(judge({ artifacts: named(...pair) }), "feed.name-collision", pair.join(" "));
  accepted({ artifacts: named("lib/x", "lib.x", "lib-x", "library") });
});

test("the budget speaks before a byte is fetched", () => {
  const spec = specOf({ budget: { files: 1, artifactBytes: 10 } });
  assertRefused(judge({ artifacts: named("a", "b"), spec }), "budget.files");
  assertRefused(judge({ artifacts: [artifactOf("a", { size: 11 })], spec }), "budget.artifact-bytes");
});

test("the gravest fault is the one that is named", () => {
  const last = revisionOf(1, { series: [{ name: "l", version: 5 }] });
  const spec = signedSpec(1, { selection: { include: ["x*", "..*/**"] }, budget: { files: 1 } });
  const faults: Given = {
    spec,
    last,
    malformed: "x",
    signatures: [signatureOf("wrong")],
    series: [{ name: "l", version: 4 }],
    artifacts: named("a"),
  };
  assertRefused(judge(faults), "feed.signature-wrong");
  for (const signatures of [[], [signatureOf("expired")], [signatureOf("unknown-key")], [signatureOf("good")]])
    assertRefused(judge({ ...faults, signatures }), "feed.malformed");
  const readable = { ...faults, malformed: null };
  assertRefused(judge(readable), "feed.signature-wrong");
  const signed = { ...readable, signatures: [signatureOf("good")] };
  assertRefused(judge(signed), "feed.older-than-held");
  const fresh = { ...signed, series: [{ name: "l", version: 5 }] };
  assertRefused(judge(fresh), "feed.empty");
  assertRefused(judge({ ...fresh, artifacts: named("../x", "x1", "x2") }), "feed.unsafe-name");
  assertRefused(judge({ ...fresh, artifacts: named("x1", "x2") }), "budget.files");
});

test("a detached signature is wanted only with its file: nothing else binds its bytes", () => {
  const patch = artifactOf("daily-7.cdiff", { companion: "daily-7.cdiff.sign", inspect: true });
  const artifacts = [artifactOf("daily-7.cdiff.sign"), patch, artifactOf("daily.cvd", { inspect: true })];
  const paths = (exclude: string[]) =>
    accepted({ artifacts, spec: specOf({ selection: { exclude } }) }).artifacts.map(({ path }) => path);
  assert.deepEqual(paths(["*.cdiff"]), ["daily.cvd"]);
  assert.deepEqual(paths(["*.sign"]), ["daily-7.cdiff", "daily.cvd"]);
  assert.equal(paths([]).length, 3);
});

test("the version of a file that the selection leaves out is not remembered: nobody proves it", () => {
  const artifacts = [artifactOf("main.cvd", { series: "main" }), artifactOf("daily.cvd", { series: "daily" })];
  const series = [
    { name: "main", version: 62 },
    { name: "daily", version: Number.MAX_SAFE_INTEGER },
    { name: "SHA256SUMS", version: 7 },
  ];
  const spec = specOf({ selection: { include: ["main.*"] } });
  assert.deepEqual(
    accepted({ artifacts, series, spec }).series.map(({ name }) => name),
    ["main", "SHA256SUMS"],
  );
});

test("an old index that was signed long ago stays acceptable as long as it is the newest that we know", () => {
  accepted({ spec: signedSpec(), signatures: [signatureOf("good", "A", { signedAt: NOW - 4_000 * DAY })] });
});
