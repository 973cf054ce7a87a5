import { closeSync, constants as files, openSync } from "node:fs";
import path from "node:path";
import { constants, DatabaseSync } from "node:sqlite";
import { errnoOf } from "../../core/kernel/disk.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { onDisk, storeFailure, syncDirectory } from "../durable.ts";
import { APPEND_ONLY, MIGRATIONS, NEVER_DELETED } from "./schema.ts";

/** Opens and locks the ledger's file and brings its tables up to date. Throws what SQLite throws, and `Failure` `store.*`. */
export async function openDatabase(file: string): Promise<DatabaseSync> {
  await createPrivately(file);
  const database = new DatabaseSync(file, { defensive: true, limits: { attach: 0 }, timeout: 0 });
  try {
    lock(database);
    migrate(database);
    database.setAuthorizer(authorize);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

// SQLite would make it readable to all that the umask lets. Only when it is absent: closing a descriptor of a file
// drops every POSIX lock that this process holds on it.
export async function createPrivately(file: string): Promise<void> {
  await onDisk("creating the ledger", async () => {
    try {
      closeSync(openSync(file, files.O_RDWR | files.O_CREAT | files.O_EXCL | files.O_NOFOLLOW, 0o600));
    } catch (cause) {
      if (errnoOf(cause) === "EEXIST") return;
      throw storeFailure(cause, "creating the ledger");
    }
    await syncDirectory(path.dirname(file));
  });
}

/**
 * EXCLUSIVE before the first access to the log: then SQLite holds the file's lock until it is closed and needs no shared
 * memory (sqlite.org/wal.html, section 6). The empty transaction takes the lock now, not at the first write: a second
 * daemon fails before it touches anything.
 */
function lock(database: DatabaseSync): void {
  database.exec("PRAGMA locking_mode=EXCLUSIVE");
  database.exec("PRAGMA journal_mode=WAL");
  database.exec("PRAGMA synchronous=FULL");
  database.exec("PRAGMA trusted_schema=OFF");
  database.exec("PRAGMA cell_size_check=ON");
  // 32 MiB: the rows of a large source stay at hand while the next revision is compared with them.
  database.exec("PRAGMA cache_size=-32768");
  database.exec("BEGIN IMMEDIATE; COMMIT");
}

/**
 * All steps or none: a step that fails on somebody's data leaves the ledger as it was, and the release before goes on with it.
 * Throws what SQLite throws, and `Failure` `store.schema` for a ledger of a newer Ringfort.
 */
export function migrate(database: DatabaseSync, steps: readonly string[] = MIGRATIONS): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > steps.length) {
    throw new Failure("store.schema", `the ledger has version ${version}, this Ringfort knows ${steps.length}`);
  }
  if (version === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}; COMMIT`);
  } catch (cause) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw cause;
  }
  // Whoever looks at the file's head without SQLite, as a package does before it is unpacked over a newer one, sees the version too.
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

const WRITES_ROWS: ReadonlySet<number> = new Set([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]);
const READS: ReadonlySet<number> = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_TRANSACTION,
]);

/**
 * What a statement may do once the tables stand: rows, and no more. No other file is attached, no table changed or
 * dropped, and the append-only tables are that whatever a slip in a statement would have.
 */
function authorize(action: number, first: string | null, second: string | null): number {
  if (READS.has(action)) return constants.SQLITE_OK;
  if (action === constants.SQLITE_PRAGMA && first === "synchronous" && second !== "OFF") return constants.SQLITE_OK;
  if (!WRITES_ROWS.has(action) || first === null || first.startsWith("sqlite_")) return constants.SQLITE_DENY;
  if (action === constants.SQLITE_UPDATE && APPEND_ONLY.has(first)) return constants.SQLITE_DENY;
  if (action === constants.SQLITE_DELETE && NEVER_DELETED.has(first)) return constants.SQLITE_DENY;
  return constants.SQLITE_OK;
}
