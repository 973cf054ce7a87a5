import { closeSync, constants as files, openSync } from "node:fs";
import path from "node:path";
import { constants, DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Failure } from "../../core/kernel/errors.ts";
import { errnoOf, onDisk, storeFailure, syncDirectory } from "../durable.ts";
import { APPEND_ONLY, MIGRATIONS, NEVER_DELETED } from "./schema.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

// SQLite's primary result codes (sqlite.org/rescode.html); extended ones carry them in the low byte.
const BUSY: ReadonlySet<number> = new Set([5, 6]);
const DISK: ReadonlySet<number> = new Set([3, 8, 10, 14, 15]);
const FULL = 13;
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);

/** The failure behind an exception of SQLite; anything else, a broken constraint among it, is a bug and thrown again. */
function ledgerFailure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const code =
    cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : null;
  if (code === null) throw cause;
  const detail = `the ledger: ${(cause as Error).message}`;
  if (BUSY.has(code)) return new Failure("store.busy", detail, { cause, retry: "later" });
  if (code === FULL) return new Failure("store.full", detail, { cause, retry: "later" });
  if (DISK.has(code)) return new Failure("store.io", detail, { cause });
  if (DAMAGED.has(code)) return new Failure("store.damaged", detail, { cause });
  throw cause;
}

/**
 * The one connection to the ledger's file, and the lock that keeps a second daemon away for as long as it is open.
 * All of its methods throw `Failure` `store.*`.
 */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #arrayStatements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  static async open(file: string): Promise<Connection> {
    await createPrivately(file);
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(file, { defensive: true, limits: { attach: 0 }, timeout: 0 });
      lock(database);
      migrate(database);
      database.setAuthorizer(authorize);
      return new Connection(database);
    } catch (cause) {
      database?.close();
      throw ledgerFailure(cause);
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#attempt(() => Number(this.#prepare(sql).run(...values).changes));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#attempt(() => this.#prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#attempt(() => this.#prepare(sql).all(...values));
  }

  /** As `all`, each row an array in the order of its columns: three times as fast, for the tables that are long. */
  arrays(sql: string, ...values: SQLInputValue[]): readonly (readonly SQLOutputValue[])[] {
    return this.#attempt(() => {
      const statement = this.#prepare(sql, this.#arrayStatements);
      statement.setReturnArrays(true);
      // The types know only of objects.
      return statement.all(...values) as unknown as readonly (readonly SQLOutputValue[])[];
    });
  }

  /** All of `work` or nothing of it. It cannot wait for anything, so that no other call comes between. */
  transaction<T>(work: () => T): T {
    return this.#attempt(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (cause) {
        // SQLite has rolled back by itself after some errors, a full disk among them.
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw cause;
      }
    });
  }

  /**
   * One statement that a power cut may take back, though no crash of ours: events come by the thousand, and an fsync
   * for each would hold up all else. The next transaction's fsync covers them.
   */
  runLazily(sql: string, ...values: SQLInputValue[]): void {
    this.#attempt(() => this.#database.exec("PRAGMA synchronous=NORMAL"));
    try {
      this.run(sql, ...values);
    } finally {
      this.#attempt(() => this.#database.exec("PRAGMA synchronous=FULL"));
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#attempt(() => this.#database.close());
  }

  #prepare(sql: string, statements = this.#statements): StatementSync {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw ledgerFailure(cause);
    }
  }
}

// SQLite would make it readable to all that the umask lets. Only when it is absent: closing a descriptor of a file
// drops every POSIX lock that this process holds on it.
async function createPrivately(file: string): Promise<void> {
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

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > MIGRATIONS.length) {
    throw new Failure("store.schema", `the ledger has version ${version}, this Ringfort knows ${MIGRATIONS.length}`);
  }
  MIGRATIONS.slice(version).forEach((migration, index) => {
    database.exec(`BEGIN IMMEDIATE; ${migration}; PRAGMA user_version = ${version + index + 1}; COMMIT`);
  });
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
