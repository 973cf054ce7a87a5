import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, SECOND } from "../kernel/instant.ts";
import { known, type RunningRoot, unknown } from "../machine/facts.ts";
import type { ImageManifest } from "./manifest.ts";
import { type ComeBack, judgeRecovery, type RecoveryFacts, readRehearsal, rehearsalOf } from "./rehearsal.ts";

const now = Date.UTC(2026, 10, 26);
const rootHash = "ab".repeat(32);
const image = { name: "bastion", created: 1_790_000_000, verity: { rootHash, dataBlocks: 7 } } as ImageManifest;
const shown = [{ channel: "production", source: "vendor", revision: 3 }];
const back: ComeBack = {
  now,
  by: "0.1.0",
  bootedAt: now - 300 * SECOND,
  storeChecked: known({ at: now - 60 * SECOND, damaged: 0 }),
  shown,
};

test("a mirror that came back has a record, which tells how long it took", () => {
  const record = rehearsalOf(image, back);
  assert.ok("format" in record);
  assert.deepEqual([record.seconds, record.image.rootHash, record.shown], [240, rootHash, shown]);
  assert.deepEqual(readRehearsal(JSON.stringify(record), now), record);
});

test("without a whole store since the boot, or with nothing to show, there is none", () => {
  const cases: readonly Partial<ComeBack>[] = [
    { storeChecked: known(null) },
    { storeChecked: unknown("the daemon did not answer") },
    { storeChecked: known({ at: now - 60 * SECOND, damaged: 1 }) },
    { storeChecked: known({ at: now - 301 * SECOND, damaged: 0 }) },
    { shown: [] },
  ];
  for (const change of cases) {
    const answer = rehearsalOf(image, { ...back, ...change });
    assert.equal("code" in answer && answer.code, "image.not-rehearsed", JSON.stringify(change));
  }
});

test("a record of another shape, or of a time that has not come, is none", () => {
  const record = rehearsalOf(image, back);
  for (const text of [
    "",
    "{}",
    JSON.stringify({ ...record, more: 1 }),
    JSON.stringify({ ...record, at: now + 2 * DAY }),
  ])
    assert.ok("code" in readRehearsal(text, now), text);
});

const runs = { kind: "verity", rootHash, dataBlocks: 7, corrupted: false } as const satisfies RunningRoot;
const onImage: RecoveryFacts = {
  now,
  root: known(runs),
  image: known(image),
  rehearsedAt: known(null),
  imageRehearsedAt: known(now - 89 * DAY),
};
const installed: RecoveryFacts = {
  ...onImage,
  root: known({ kind: "plain", fileSystem: "ext4" }),
  image: known(null),
  rehearsedAt: known(now - 89 * DAY),
  imageRehearsedAt: known(null),
};

test("a machine that runs from its image could come back when that was tried lately, and only then", () => {
  const verdict = (change: Partial<RecoveryFacts>): string => judgeRecovery({ ...onImage, ...change }).kind;
  assert.equal(verdict({}), "pass");
  assert.equal(verdict({ imageRehearsedAt: known(now - 91 * DAY) }), "fail");
  assert.equal(verdict({ imageRehearsedAt: known(null), rehearsedAt: known(now) }), "fail");
  assert.equal(verdict({ root: known({ ...runs, rootHash: "cd".repeat(32) }) }), "fail");
  assert.equal(verdict({ root: known({ kind: "plain", fileSystem: "ext4" }) }), "fail");
  assert.equal(verdict({ image: known(null), rehearsedAt: known(now) }), "fail");
  assert.equal(verdict({ root: unknown("not root") }), "unknown");
  assert.equal(verdict({ image: unknown("no manifest") }), "unknown");
  assert.equal(verdict({ root: unknown("not root"), imageRehearsedAt: known(null) }), "fail");
});

test("an installed machine needs a back-up that was found whole, or an image that brought one back", () => {
  const verdict = (change: Partial<RecoveryFacts>): string => judgeRecovery({ ...installed, ...change }).kind;
  assert.equal(verdict({}), "pass");
  assert.equal(verdict({ root: unknown("not root") }), "pass");
  assert.equal(verdict({ rehearsedAt: known(now - 91 * DAY) }), "fail");
  assert.equal(verdict({ rehearsedAt: known(now - 91 * DAY), imageRehearsedAt: known(now) }), "pass");
  assert.equal(verdict({ rehearsedAt: unknown("unreadable") }), "unknown");
});
