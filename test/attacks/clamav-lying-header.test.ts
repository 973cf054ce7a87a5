import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { judgeFile } from "../../src/core/intake/judge-file.ts";
import type { ContentFindings } from "../../src/core/model/findings.ts";
import { type ClamavKeys, PRODUCTION_KEYS } from "../../src/inspect/feeds/clamav/keys.ts";
import { FORGED_KEYS, forgeCdiff, forgeCvd } from "../fixtures/clamav-forge.ts";
import { clamavArtifact, inspectClamav, NOW } from "../fixtures/inspected.ts";
import { needsSharedData, sharedData } from "../fixtures/needs.ts";

/**
 * The header of a database is not signed. A man in the middle who raises its version makes every client believe that
 * it is current, and hides all later updates; one who takes an old body under a new header replays it.
 */
async function verdict(path: string, version: number, bytes: Buffer, keys: ClamavKeys): Promise<string> {
  const content: ContentFindings = await inspectClamav(path, bytes, { keys });
  const findings = { size: bytes.length, sha256: "0".repeat(64), sha512: null, content };
  const candidate = { artifact: clamavArtifact(path, version), file: "x.part", findings, lastModified: null };
  const judged = judgeFile(candidate, { kind: "clamav", roots: [] }, NOW);
  return judged.kind === "refused" ? judged.code : judged.kind;
}

test("a header that raises the version is refused", async () => {
  assert.equal(await verdict("main.cvd", 7, forgeCvd(), FORGED_KEYS), "accepted");
  assert.equal(
    await verdict("main.cvd", 8, forgeCvd({ header: { version: 8 } }), FORGED_KEYS),
    "artifact.contradicts-itself",
  );
});

test("a real database with an edited header is refused", {
  skip: needsSharedData("clamav", "test-6.cvd"),
}, async () => {
  const real = readFileSync(sharedData("clamav", "test-6.cvd"));
  const edit = (from: string, to: string): Buffer => Buffer.from(real.toString("latin1").replace(from, to), "latin1");
  assert.equal(await verdict("daily.cvd", 6, real, PRODUCTION_KEYS), "accepted");
  assert.equal(
    await verdict("daily.cvd", 7, edit("-0400:6:14:", "-0400:7:14:"), PRODUCTION_KEYS),
    "artifact.contradicts-itself",
  );
  assert.equal(
    await verdict("daily.cvd", 6, edit(":1624412045", ":1999999999"), PRODUCTION_KEYS),
    "artifact.contradicts-itself",
  );
  assert.equal(
    await verdict("daily.cvd", 6, edit(":micasnyd:", ":attacker:"), PRODUCTION_KEYS),
    "artifact.contradicts-itself",
  );
});

test("an old database under a name that promises a newer one is refused", async () => {
  assert.equal(await verdict("main.cvd", 8, forgeCvd(), FORGED_KEYS), "artifact.version-differs");
});

test("a patch under another patch's name is refused", async () => {
  const patch = forgeCdiff(6, Buffer.from("OPEN a\nCLOSE\n"));
  assert.equal(await verdict("main-6.cdiff", 6, patch, FORGED_KEYS), "accepted");
  assert.equal(await verdict("main-7.cdiff", 7, patch, FORGED_KEYS), "artifact.version-differs");
  const renamed = Buffer.from(patch.toString("latin1").replace("Diff:6:", "Diff:7:"), "latin1");
  assert.equal(await verdict("main-7.cdiff", 7, renamed, FORGED_KEYS), "artifact.signature-wrong");
});

test("a build time far ahead is refused, though both places agree on it", async () => {
  const epoch = { epoch: NOW / 1_000 + 3 * 24 * 60 * 60 };
  assert.equal(
    await verdict("main.cvd", 7, forgeCvd({ header: epoch, info: epoch }), FORGED_KEYS),
    "artifact.from-the-future",
  );
});
