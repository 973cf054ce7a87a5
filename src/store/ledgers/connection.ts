import { backup, type DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Failure } from "../../core/kernel/errors.ts";
import { createPrivately, openDatabase } from "./database.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

// SQLite's primary result codes (sqlite.org/rescode.html); extended ones carry them in the low byte.
const BUSY: ReadonlySet<number> = new Set([5, 6]);
const DISK: ReadonlySet<number> = new Set([3, 8, 10, 14, 15]);
const FULL = 13;
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);

/** The failure behind an exception of SQLite; anything else, a broken constraint among it, is a bug and thrown again. */
export function ledgerFailure(cause: unknown, ledger = "the ledger"): Failure {
  if (cause instanceof Failure) return cause;
  if (!(cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number")) throw cause;
  const code = cause.errcode & 0xff;
  const detail = `${ledger}: ${cause.message}`;
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
    try {
      return new Connection(await openDatabase(file));
    } catch (cause) {
      throw ledgerFailure(cause, `the ledger ${file}`);
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
      const rows: readonly unknown[] = statement.all(...values);
      // The types know only of objects; what each value is, its reader checks.
      return rows.map((row) => (Array.isArray(row) ? row : []));
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

  /** A transaction that a power cut may take back, though no crash of ours; see `runLazily`. */
  lazily<T>(work: () => T): T {
    this.#attempt(() => this.#database.exec("PRAGMA synchronous=NORMAL"));
    try {
      return this.transaction(work);
    } finally {
      this.#attempt(() => this.#database.exec("PRAGMA synchronous=FULL"));
    }
  }

  /** SQLite's own way to copy a database that is in use (sqlite.org/backup.html): what is written meanwhile is in the copy too. */
  async copyTo(file: string): Promise<void> {
    try {
      await createPrivately(file);
      await backup(this.#database, file);
    } catch (cause) {
      throw ledgerFailure(cause, "the copy of the ledger");
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
