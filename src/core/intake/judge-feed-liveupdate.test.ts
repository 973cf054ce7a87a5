import assert from "node:assert/strict";
import { test } from "node:test";
import {
  artifactOf,
  assertRefused,
  digestOf,
  liveupdateSpec,
  NOW,
  revisionOf,
  signatureOf,
  signedSpec,
} from "../../../test/fixtures/intake.ts";
import { DAY } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import type { ListedArtifact, ListingFindings, Series } from "../model/feed-listing.ts";
import type { Revision } from "../model/revision.ts";
import { type AcceptedFeed, judgeFeed } from "./judge-feed.ts";

const PACKAGE = artifactOf("a.zip", { digests: { sha256: digestOf("a") }, inspect: true });
const OLD = artifactOf("a.x86", { digests: { sha1: "1".repeat(40) }, inspect: true });

interface Given extends Partial<ListingFindings> {
  readonly artifacts?: readonly ListedArtifact[];
  readonly series?: readonly Series[];
  readonly last?: Revision | null;
  readonly profile?: "modern" | "legacy-sha1";
}

const good = (over: string) => signatureOf("good", "S", { scheme: "x509-cms", over });

function judge({ artifacts = [PACKAGE], series = [], last = null, profile = "modern", ...findings }: Given) {
  const listing = { artifacts: [...artifacts], series: [...series] };
  const seen = { signatures: [good("one")], malformed: null, indexes: ["one"], ...findings };
  return judgeFeed(listing, seen, liveupdateSpec(profile), last, NOW);
}

function accepted(given: Given): AcceptedFeed {
  const answer = judge(given);
  assert.ok(answer.kind === "accepted-feed", JSON.stringify(answer));
  return answer;
}

test("every index has a good signature of its own", () => {
  assert.equal(accepted({}).vouchedBy, "liveupdate S");
  accepted({ indexes: ["one", "two"], signatures: [good("one"), good("two")] });
  assertRefused(judge({ indexes: ["one", "two"], signatures: [good("one"), good("one")] }), "feed.unsigned");
  assertRefused(judge({ signatures: [] }), "feed.unsigned");
});

test("and no other: no good one beside it, and none for another index, makes up for it", () => {
  const table = {
    wrong: "feed.signature-wrong",
    malformed: "feed.signature-wrong",
    weak: "feed.signature-wrong",
    "unknown-key": "feed.signer-unknown",
    expired: "feed.signature-expired",
  } as const;
  for (const [status, code] of Object.entries(table) as [keyof typeof table, (typeof table)["wrong"]][]) {
    const bad = signatureOf(status, "X", { over: "one" });
    for (const signatures of [[bad], [good("one"), bad], [bad, good("one"), good("two")]])
      assertRefused(judge({ signatures }), code, status);
  }
  const worst = ["expired", "unknown-key", "wrong"].map((status) =>
    signatureOf(status as "wrong", "X", { over: "one" }),
  );
  assertRefused(judge({ signatures: worst }), "feed.signature-wrong");
});

test("a signature from the future is refused, as is a guard's date", () => {
  const signatures = [{ ...good("one"), signedAt: NOW + LIMITS.clockTolerance + 1 }];
  assertRefused(judge({ signatures }), "feed.from-the-future");
  const at = (ahead: number) => [{ name: "guard one", version: Math.floor((NOW + ahead) / 1_000) }];
  accepted({ series: at(LIMITS.clockTolerance) });
  assertRefused(judge({ series: at(LIMITS.clockTolerance + 1_000) }), "feed.from-the-future");
  // A product's sequence is no date.
  accepted({ series: [{ name: "p 1 l", version: 9e15 }] });
});

test("an index that contradicts itself is refused, but a wrong signature is said first", () => {
  assertRefused(judge({ contradictions: ["x"] }), "feed.contradicts-itself");
  const signatures = [signatureOf("wrong", "S", { over: "one" })];
  assertRefused(judge({ contradictions: ["x"], signatures }), "feed.signature-wrong");
  assertRefused(judge({ malformed: "x", signatures }), "feed.signature-wrong");
  assertRefused(judge({ malformed: "x", signatures: [], indexes: [] }), "feed.malformed");
});

test("SHA-1 alone binds under the legacy profile only", () => {
  assertRefused(judge({ artifacts: [PACKAGE, OLD] }), "feed.digest-weak");
  assertRefused(judge({ weak: true }), "feed.digest-weak");
  accepted({ artifacts: [PACKAGE, OLD], weak: true, profile: "legacy-sha1" });
  const both = artifactOf("b.x86", { digests: { sha1: "1".repeat(40), sha256: digestOf("b") } });
  accepted({ artifacts: [both] });
});

test("neither a sequence nor a guard's date goes back, nor is the date left out", () => {
  const series = [
    { name: "guard one", version: NOW / 1_000 - 100 },
    { name: "p 1 l", version: 7 },
  ];
  const last = revisionOf(3, { series });
  accepted({ last, series });
  for (const [at, entry] of series.entries())
    assertRefused(
      judge({ last, series: series.with(at, { ...entry, version: entry.version - 1 }) }),
      "feed.older-than-held",
    );
  assertRefused(judge({ last, series: series.slice(1) }), "feed.older-than-held");
  // The guard of an index that is not there has no date to leave out.
  accepted({ last, series: [], indexes: ["two"], signatures: [good("two")] });
});

test("what a reading does not mention is not forgotten", () => {
  const last = revisionOf(3, {
    series: [
      { name: "q", version: 5 },
      { name: "p", version: 7 },
    ],
  });
  const { series } = accepted({ last, series: [{ name: "p", version: 8 }] });
  assert.deepEqual(series, [
    { name: "p", version: 8 },
    { name: "q", version: 5 },
  ]);
  // Under other kinds of trust there is one index, and it says all.
  const openpgp = judgeFeed(
    { artifacts: [PACKAGE], series: [{ name: "p", version: 8 }] },
    { signatures: [signatureOf("good", "A", { signedAt: NOW - DAY })], malformed: null },
    signedSpec(),
    last,
    NOW,
  );
  assert.ok(openpgp.kind === "accepted-feed");
  assert.deepEqual(openpgp.series, [{ name: "p", version: 8 }]);
});

test("two readings that say the same in another order are one", () => {
  const names = ["c", "a", "b"].map((name) => ({ name, version: 1 }));
  assert.deepEqual(accepted({ series: names }).series, accepted({ series: names.toReversed() }).series);
});

test("what is remembered has its ceiling", () => {
  const many = Array.from({ length: 8_192 }, (_, at) => ({ name: `held ${at}`, version: 1 }));
  const { series } = accepted({ last: revisionOf(1, { series: many }), series: [{ name: "new", version: 2 }] });
  assert.equal(series.length, 8_192);
  assert.ok(series.some(({ name }) => name === "new"));
});
