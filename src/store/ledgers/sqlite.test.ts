import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { ledgerContract } from "../../../test/contract/ledger.ts";
import { AT, digestOf, draftOf, failsWith, specOf } from "../../../test/contract/ledger-samples.ts";
import { safePath } from "../../core/kernel/safe-path.ts";
import type { Ledger } from "../../core/ports.ts";
import { Connection } from "./connection.ts";
import { MIGRATIONS } from "./schema.ts";
import { openSqliteLedger } from "./sqlite.ts";

const atStep = (): void => undefined;

ledgerContract("sqlite", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-ledger-"));
  const file = path.join(folder, "ledger.sqlite");
  const ledger = await openSqliteLedger({ file, atStep });
  let current = ledger;
  return {
    ledger,
    reopen: async () => {
      await current.close();
      current = await openSqliteLedger({ file, atStep });
      return current;
    },
    end: async () => {
      await current.close();
      await rm(folder, { recursive: true });
    },
  };
});

async function fileFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-ledger-"));
  t.after(() => rm(folder, { recursive: true }));
  return path.join(folder, "ledger.sqlite");
}

async function opened(t: TestContext, file: string): Promise<Ledger> {
  const ledger = await openSqliteLedger({ file, atStep });
  t.after(() => ledger.close());
  return ledger;
}

void test("nobody but its owner may read the file", async (t) => {
  const file = await fileFor(t);
  await opened(t, file);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(`${file}-wal`)).mode & 0o777, 0o600);
});

void test("a ledger of a newer Ringfort is left alone", async (t) => {
  const file = await fileFor(t);
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 1000");
  database.close();
  await assert.rejects(openSqliteLedger({ file, atStep }), failsWith("store.schema"));
});

void test("a file that is no database is damage, and is not written over", async (t) => {
  const file = await fileFor(t);
  await writeFile(file, "this is no database, it is a letter to my mother".repeat(40));
  await assert.rejects(openSqliteLedger({ file, atStep }), failsWith("store.damaged"));
  assert.match(await readFile(file, "utf8"), /letter to my mother/);
});

void test("the version stands in the file's head while the ledger is in use, for whoever looks without SQLite", async (t) => {
  const file = await fileFor(t);
  await opened(t, file);
  assert.equal((await readFile(file)).readUInt32BE(60), MIGRATIONS.length);
});

void test("a second opening in this process is refused too, and does not free the lock", async (t) => {
  const file = await fileFor(t);
  const ledger = await opened(t, file);
  for (let round = 0; round < 2; round += 1) {
    await assert.rejects(openSqliteLedger({ file, atStep }), failsWith("store.busy"));
  }
  await ledger.putSource(specOf("s"));
});

void test("statements cannot attach, change tables, or change what is append-only", async (t) => {
  const connection = await Connection.open(await fileFor(t));
  t.after(() => connection.close());
  for (const sql of [
    "ATTACH ':memory:' AS other",
    "DROP TABLE move",
    "CREATE TABLE more (x)",
    "UPDATE move SET by = 'nobody'",
    "UPDATE event SET at = 0",
    "DELETE FROM sync",
    "DELETE FROM numbering",
    "PRAGMA synchronous = OFF",
    "PRAGMA user_version = 0",
  ]) {
    assert.throws(() => connection.run(sql), { errcode: 23 }, sql);
  }
});

void test("of events the newest are kept, and of runs all: a vendor that fails every ten seconds does not fill the disk", async (t) => {
  const file = await fileFor(t);
  const ledger = await openSqliteLedger({ file, atStep, mostEvents: 50 });
  for (let at = 0; at < 2_100; at += 1) await ledger.recordEvent({ at, name: "address.failed", fields: {} });
  const kept = await ledger.events(10_000);
  assert.ok(kept.length >= 50 && kept.length <= 1_050, `${kept.length} are kept`);
  assert.equal(kept[0]?.at, 2_099);
  await ledger.close();
  const again = await openSqliteLedger({ file, atStep, mostEvents: 50 });
  await again.recordEvent({ at: 3_000, name: "address.failed", fields: {} });
  assert.equal((await again.events(10_000)).length, 50);
  await again.close();
});

void test("what a doctored ledger holds does not get past its reading", async (t) => {
  const file = await fileFor(t);
  const ledger = await opened(t, file);
  await ledger.putSource(specOf("s"));
  await ledger.sealRevision(draftOf("s", { "a.bin": "one" }), AT);
  await ledger.close();
  for (const change of ["path = '../../etc/passwd'", "path = 'a.bin', sha256 = 'short'"]) {
    const database = new DatabaseSync(file);
    database.exec(`UPDATE entry SET ${change}`);
    database.close();
    const again = await openSqliteLedger({ file, atStep });
    await assert.rejects(again.entries("s", 1), failsWith("store.damaged"));
    await again.close();
  }
});

void test("steps are announced after their transactions", async (t) => {
  const steps: string[] = [];
  const ledger = await openSqliteLedger({ file: await fileFor(t), atStep: (step) => steps.push(step) });
  t.after(() => ledger.close());
  await ledger.putSource(specOf("s"));
  await ledger.sealRevision(draftOf("s", { a: "1" }), AT);
  await ledger.sealRevision(draftOf("s", { a: "2" }), AT);
  const move = {
    source: "s",
    channel: "staging",
    kind: "promotion",
    from: null,
    to: 2,
    at: AT,
    by: "anna",
    reason: "",
  } as const;
  const position = { source: "s", channel: "staging", revision: 2, movedAt: AT, moves: 1, steps: [] };
  await ledger.moveChannel(position, move, 0, Number.MAX_SAFE_INTEGER);
  await ledger.moveChannel(position, move, 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(steps, ["revision.committed", "revision.committed", "channel.committed"]);
});

void test("a revision of many files of which three changed writes three rows", async (t) => {
  const file = await fileFor(t);
  const ledger = await opened(t, file);
  await ledger.putSource(specOf("s"));
  const entries = Array.from({ length: 20_000 }, (_, i) => {
    return { path: safePath(`pool/${i % 97}/file-${i}.bin`), sha256: digestOf(String(i)), size: i, builtAt: null };
  });
  const draft = { source: "s", entries, series: [], vouchedBy: "none", unsigned: true };
  await ledger.sealRevision(draft, AT);
  const changed = entries.map((entry, i) => (i % 7_000 === 1 ? { ...entry, sha256: digestOf(`new ${i}`) } : entry));
  await ledger.sealRevision({ ...draft, entries: changed }, AT);
  assert.equal((await ledger.entries("s", 2)).filter(({ since }) => since === 2).length, 3);
  await ledger.close();
  const database = new DatabaseSync(file);
  assert.equal(database.prepare("SELECT count(*) AS n FROM entry").get()?.["n"], 20_003);
  database.close();
});
