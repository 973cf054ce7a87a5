import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { checkLedger } from "../../src/store/ledgers/ledger-copy.ts";
import { MIGRATIONS } from "../../src/store/ledgers/schema.ts";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { type Said, saidOf } from "../fixtures/ledgers/said.ts";

const FOLDER = path.join(import.meta.dirname, "../fixtures/ledgers");
const versions = readdirSync(FOLDER).filter((name) => name.endsWith(".sqlite.gz"));

test("there is a ledger of each release", () => {
  const changes = readFileSync(path.join(import.meta.dirname, "../../CHANGELOG.md"), "utf8");
  const released = [...changes.matchAll(/^## \[(\d+\.\d+\.\d+)\]/gm)].map(([, version = ""]) => version);
  assert.deepEqual(
    versions.map((name) => name.replace(".sqlite.gz", "")).toSorted(),
    released.toSorted(),
    "npm run freeze:ledger, once for each release",
  );
});

for (const name of versions)
  test(`a ledger of ${name.replace(".sqlite.gz", "")} is brought up to today's, and says what it said`, async (t) => {
    const { said, schema } = JSON.parse(
      readFileSync(path.join(FOLDER, name.replace(".sqlite.gz", ".json")), "utf8"),
    ) as { readonly said: Said; readonly schema: number };
    const daemon = await startTestDaemon();
    t.after(() => daemon.end());
    await daemon.stop();
    const ledger = path.join(daemon.data, "ledger.sqlite");
    for (const end of ["-wal", "-shm"]) rmSync(`${ledger}${end}`, { force: true });
    writeFileSync(ledger, gunzipSync(readFileSync(path.join(FOLDER, name))));
    assert.equal((await checkLedger(ledger)).schema, schema);
    await daemon.start();
    const { checkpoints, ...rest } = await saidOf(daemon);
    const { checkpoints: before, ...wanted } = said;
    assert.deepEqual(rest, wanted);
    for (const one of before) assert.ok(JSON.stringify(checkpoints).includes(JSON.stringify(one)));
    assert.ok(before.length > 0 && wanted.revisions.length === 2, "the ledger holds something");
    await daemon.stop();
    assert.equal((await checkLedger(ledger)).schema, MIGRATIONS.length);
  });
