import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Failure } from "../../core/kernel/errors.ts";
import { migrate } from "./database.ts";
import { MIGRATIONS } from "./schema.ts";

const versionOf = (database: DatabaseSync): unknown => database.prepare("PRAGMA user_version").get()?.["user_version"];
const tablesOf = (database: DatabaseSync): readonly unknown[] =>
  database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all();

void test("a ledger of every earlier version is brought up to the same tables", () => {
  const fresh = new DatabaseSync(":memory:");
  migrate(fresh);
  for (let version = 1; version < MIGRATIONS.length; version += 1) {
    const old = new DatabaseSync(":memory:");
    migrate(old, MIGRATIONS.slice(0, version));
    assert.equal(versionOf(old), version);
    old.exec("INSERT INTO source (name, spec) VALUES ('kept', '{}')");
    migrate(old);
    assert.equal(versionOf(old), MIGRATIONS.length);
    assert.deepEqual(tablesOf(old), tablesOf(fresh), `from version ${version}`);
    assert.equal(old.prepare("SELECT name FROM source").get()?.["name"], "kept");
    old.close();
  }
  fresh.close();
});

void test("a step that fails takes those before it back: the ledger is what it was, and goes on being used", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  database.exec("INSERT INTO source (name, spec) VALUES ('kept', '{}')");
  const before = tablesOf(database);
  const steps = [
    ...MIGRATIONS,
    "CREATE TABLE newer (n INTEGER); DELETE FROM source",
    "ALTER TABLE nowhere ADD COLUMN n",
  ];
  assert.throws(() => migrate(database, steps));
  assert.deepEqual([versionOf(database), tablesOf(database)], [MIGRATIONS.length, before]);
  assert.equal(database.prepare("SELECT name FROM source").get()?.["name"], "kept");
  migrate(database);
  database.close();
});

void test("an older release leaves the ledger of a newer one alone", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const before = tablesOf(database);
  assert.throws(
    () => migrate(database, MIGRATIONS.slice(0, -1)),
    (error) => error instanceof Failure && error.code === "store.schema",
  );
  assert.deepEqual([versionOf(database), tablesOf(database)], [MIGRATIONS.length, before]);
  database.close();
});
