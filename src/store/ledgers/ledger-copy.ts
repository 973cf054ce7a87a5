import { stat } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "../../core/kernel/errors.ts";
import { onDisk } from "../durable.ts";
import { Connection, ledgerFailure } from "./connection.ts";
import { MIGRATIONS } from "./schema.ts";

/** Copies a ledger that no daemon holds, into a new file. Throws `Failure` `store.busy`, `store.damaged`, `store.io`. */
export async function copyLedger(from: string, to: string): Promise<void> {
  // Opening makes what is not there: a copy of nothing would look like a back-up.
  await onDisk("reading the ledger", () => stat(from));
  const connection = await Connection.open(from);
  try {
    await connection.copyTo(to);
  } finally {
    connection.close();
  }
}

/** Reads every page of a copy, without changing it. Throws `Failure` `store.damaged`, `store.schema`. */
export async function checkLedger(
  file: string,
): Promise<{ readonly schema: number; readonly revisions: number; readonly auditEntries: number }> {
  try {
    const database = new DatabaseSync(file, { readOnly: true, defensive: true, limits: { attach: 0 } });
    try {
      const one = (sql: string, column: string): unknown => database.prepare(sql).get()?.[column];
      const schema = Number(one("PRAGMA user_version", "user_version"));
      if (schema > MIGRATIONS.length)
        throw new Failure("store.schema", `the ledger has version ${schema}, this Ringfort knows ${MIGRATIONS.length}`);
      const said = one("PRAGMA integrity_check(1)", "integrity_check");
      if (said !== "ok") throw new Failure("store.damaged", "the copy of the ledger does not pass SQLite's own check");
      return {
        schema,
        revisions: Number(one("SELECT count(*) AS n FROM revision", "n")),
        auditEntries: Number(one("SELECT count(*) AS n FROM audit", "n")),
      };
    } finally {
      database.close();
    }
  } catch (cause) {
    throw ledgerFailure(cause, "the copy of the ledger");
  }
}
