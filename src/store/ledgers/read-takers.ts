import { DatabaseSync } from "node:sqlite";
import { Failure } from "../../core/kernel/errors.ts";
import { MOST_SUSPECTS, MOST_TAKERS, type StopScope, type Suspect } from "../../core/model/suspect.ts";
import { ledgerFailure, type Row } from "./connection.ts";
import { text, whole, wholeOrNull } from "./rows.ts";
import { MIGRATIONS } from "./schema.ts";

const SUSPECTS = `SELECT DISTINCT s.id, s.name, p.revision FROM position p JOIN source s ON s.id = p.source
  WHERE s.name = coalesce(?1, s.name) AND p.channel = coalesce(?2, p.channel) ORDER BY s.name, p.revision LIMIT ${MOST_SUSPECTS}`;
const TOOK = "SELECT count(*) AS took FROM taken WHERE source = ? AND revision = ? AND whole_at IS NOT NULL";
// By the key of the table: the first rows are found without the others being read.
const TAKERS = `SELECT c.name, c.agent, n.channel, t.first_at, t.whole_at, t.last_at
  FROM (SELECT * FROM taken WHERE source = ? AND revision = ? ORDER BY channel, client LIMIT ${MOST_TAKERS}) t
  JOIN client c ON c.id = t.client JOIN served n ON n.id = t.channel ORDER BY t.channel, t.client`;

/**
 * Who took what the stopped channels show, from the file of a ledger that no daemon holds. It changes nothing: SQLite
 * opens it for reading, with what a daemon that was killed has left in the file beside it. Throws `Failure` `store.busy`
 * when a daemon holds it, `store.schema`, `store.damaged`, `store.io`.
 */
export function readTakers(file: string, scope: StopScope): readonly Suspect[] {
  try {
    const database = new DatabaseSync(file, { readOnly: true, defensive: true, limits: { attach: 0 }, timeout: 0 });
    try {
      return suspectsIn(database, scope);
    } finally {
      database.close();
    }
  } catch (cause) {
    if (isStrange(cause)) throw new Failure("store.damaged", "the ledger has not the tables of one", { cause });
    throw ledgerFailure(cause);
  }
}

function suspectsIn(database: DatabaseSync, { source, channel }: StopScope): readonly Suspect[] {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version !== MIGRATIONS.length)
    throw new Failure("store.schema", `the ledger has version ${version}, this Ringfort reads ${MIGRATIONS.length}`);
  const took = database.prepare(TOOK);
  const takers = database.prepare(TAKERS);
  return database
    .prepare(SUSPECTS)
    .all(source, channel)
    .map((row) => {
      const key = [whole(row["id"]), whole(row["revision"])] as const;
      return {
        source: text(row["name"]),
        revision: key[1],
        took: whole(took.get(...key)?.["took"]),
        clients: takers.all(...key).map(takerFrom),
      };
    });
}

function takerFrom(row: Row): Suspect["clients"][number] {
  return {
    client: text(row["name"]),
    agent: text(row["agent"]),
    channel: text(row["channel"]),
    firstAt: whole(row["first_at"]),
    wholeAt: wholeOrNull(row["whole_at"]),
    lastAt: whole(row["last_at"]),
  };
}

/** SQLITE_ERROR: a table or a column that a statement names is not there. */
function isStrange(cause: unknown): boolean {
  return cause instanceof Error && "errcode" in cause && Number(cause.errcode) === 1;
}
