import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { FORGED_KEYS, forgeCdiff } from "../../../../test/fixtures/clamav-forge.ts";
import { inspectClamav } from "../../../../test/fixtures/inspected.ts";
import type { ContentFindings } from "../../../core/model/findings.ts";

const SCRIPT = Buffer.from("OPEN forged.hdb\nADD line\nCLOSE\n");

async function inspect(bytes: Uint8Array): Promise<ContentFindings> {
  return inspectClamav("main-7.cdiff", bytes, { keys: FORGED_KEYS });
}

test("a patch proves its version", async () => {
  const seen = await inspect(forgeCdiff(7, SCRIPT));
  assert.deepEqual(
    seen.signatures.map(({ scheme, status }) => [scheme, status]),
    [["cdiff-rsa-pss", "good"]],
  );
  assert.deepEqual(
    [seen.malformed, seen.version, seen.expandedBytes, seen.contradictions],
    [null, 7, SCRIPT.length, []],
  );
});

test("a patch under another's name shows the version that it has", async () => {
  assert.equal((await inspect(forgeCdiff(6, SCRIPT))).version, 6);
});

test("a length that the header does not keep is a contradiction", async () => {
  assert.equal((await inspect(forgeCdiff(7, SCRIPT, SCRIPT.length + 1))).contradictions.length, 1);
});

test("the vendor's empty patch is malformed, and says what it means", async () => {
  assert.match((await inspect(Buffer.alloc(0))).malformed ?? "", /^zero bytes: .*whole database/);
});

test("what is no patch is malformed", async () => {
  const good = forgeCdiff(7, SCRIPT);
  const bad: Readonly<Record<string, Buffer>> = {
    "an error page": Buffer.from("<html>not here</html>"),
    "no length": Buffer.from("ClamAV-Diff:7:"),
    "a version of 0": Buffer.from(`ClamAV-Diff:0:1:${"x".repeat(400)}`),
    "more than 32 bits": Buffer.from(`ClamAV-Diff:4294967296:1:${"x".repeat(400)}:a`),
    "no signature": Buffer.from(`ClamAV-Diff:7:1:${"x".repeat(400)}`),
    "only a header": Buffer.from("ClamAV-Diff:7:1:"),
    "two members": forgeCdiff(7, SCRIPT, SCRIPT.length, Buffer.concat([gzipSync(SCRIPT), gzipSync(SCRIPT)])),
  };
  for (const [name, bytes] of Object.entries(bad)) assert.notEqual((await inspect(bytes)).malformed, null, name);
  const cut = await inspect(good.subarray(0, -1));
  assert.equal(cut.signatures[0]?.status, "wrong");
});

test("no flipped bit leaves a good patch, and nothing throws", async () => {
  const good = forgeCdiff(7, SCRIPT);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length * 8 - 1), async (bit) => {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { malformed, signatures } = await inspect(bytes);
      assert.ok(malformed !== null || signatures.some(({ status }) => status !== "good"));
    }),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (bytes) => {
      await inspect(Buffer.concat([Buffer.from("ClamAV-Diff:7:9:"), bytes]));
    }),
    { numRuns: 100 },
  );
});
