import type { Sha256 } from "../../core/kernel/digest.ts";
import { Failure } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { auditOfRemoval, auditOfRevision } from "../../core/model/audit-entry.ts";
import type {
  ContentSpan,
  PurgedRevision,
  Removal,
  Revision,
  RevisionDraft,
  RevisionEntry,
} from "../../core/model/revision.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection, Row } from "./connection.ts";
import { entryFrom, text, whole, wholeOrNull } from "./rows.ts";

const ROWS_AT_ONCE = 64;

type DraftEntry = RevisionDraft["entries"][number];

/** The row of a source, or `Failure` `source.unknown`. */
export function sourceId(connection: Connection, name: string): number {
  const row = connection.get("SELECT id FROM source WHERE name = ?", name);
  if (row === undefined) throw new Failure("source.unknown", `no source ${name}`);
  return whole(row["id"]);
}

/**
 * Writes the next revision, within the caller's transaction: only what differs from the newest one. A changed build
 * time alone is no change: the bytes are the same, and clients that hold them have nothing to fetch.
 */
export function sealRows(connection: Connection, draft: RevisionDraft, sealedAt: Instant): Revision {
  const id = sourceId(connection, draft.source);
  const number = nextNumber(connection, draft.source);
  const gone = openRows(connection, id);
  const seen = new Set<string>();
  const fresh: DraftEntry[] = [];
  let bytes = 0;
  let newestBuiltAt: Instant | null = null;
  // In the order of the table's key: rows are appended to its pages instead of splitting them.
  for (const entry of draft.entries.toSorted(byPath)) {
    if (seen.has(entry.path)) throw new Error("a draft names a path twice");
    seen.add(entry.path);
    const held = gone.get(entry.path);
    const kept = held !== undefined && held.sha256 === entry.sha256;
    if (kept) gone.delete(entry.path);
    else fresh.push(entry);
    bytes += entry.size;
    const builtAt = kept ? held.builtAt : entry.builtAt;
    if (builtAt !== null && (newestBuiltAt === null || builtAt > newestBuiltAt)) newestBuiltAt = builtAt;
  }
  for (const [path, { since }] of gone) {
    connection.run("UPDATE entry SET until = ? WHERE source = ? AND path = ? AND since = ?", number, id, path, since);
  }
  const { source, series, vouchedBy, unsigned } = draft;
  const revision = { source, number, sealedAt, files: seen.size, bytes, series, vouchedBy, unsigned, newestBuiltAt };
  insertEntries(connection, id, number, fresh);
  insertRevision(connection, id, revision);
  appendAudit(connection, auditOfRevision(revision, fresh));
  return revision;
}

/** The entries of one revision, by path in code-unit order. */
export function entryRows(connection: Connection, id: number, number: number): readonly RevisionEntry[] {
  const sql = `SELECT path, since, sha256, size, built_at FROM entry
    WHERE source = ? AND since <= ? AND (until IS NULL OR until > ?) ORDER BY path`;
  const entries = connection.arrays(sql, id, number, number).map(entryFrom);
  // SQLite's order is that of UTF-8 bytes, which differs from that of code units past U+FFFF.
  return entries.toSorted(byPath);
}

/** Every row of a source's entries, as the interval that it is. */
export function spanRows(connection: Connection, id: number): readonly ContentSpan[] {
  const rows = connection.arrays("SELECT sha256, size, since, until FROM entry WHERE source = ?", id);
  return rows.map(([sha256, size, since, until]) => ({
    sha256: text(sha256) as Sha256,
    size: whole(size),
    since: whole(since),
    until: wholeOrNull(until),
  }));
}

/**
 * Removes revisions, within the caller's transaction: their rows, the entries that no kept revision lies in, and what
 * the upstream said of content that is gone. That they were there, and why they went, stays. `Failure` `revision.in-use`
 * when something came to need one after the caller looked.
 */
export function removeRows(connection: Connection, source: string, numbers: readonly number[], removal: Removal): void {
  const id = sourceId(connection, source);
  const gone = numbers.filter(
    (number) => connection.get("SELECT 1 FROM revision WHERE source = ? AND number = ?", id, number) !== undefined,
  );
  for (const number of gone) {
    const needer = neederOf(connection, id, source, number, removal.purgedAt);
    if (needer !== null) throw new Failure("revision.in-use", `${needer} needs revision ${number}`, { retry: "later" });
    connection.run(
      `INSERT INTO purged (source, number, sealed_at, files, bytes, vouched_by, purged_at, by, why)
       SELECT ?, number, sealed_at, files, bytes, vouched_by, ?, ?, ? FROM revision WHERE source = ? AND number = ?`,
      source,
      removal.purgedAt,
      removal.by,
      removal.why,
      id,
      number,
    );
    connection.run("DELETE FROM revision WHERE source = ? AND number = ?", id, number);
  }
  connection.run(
    `DELETE FROM entry WHERE source = ? AND NOT EXISTS (
       SELECT 1 FROM revision r WHERE r.source = entry.source
         AND r.number >= entry.since AND (entry.until IS NULL OR r.number < entry.until))`,
    id,
  );
  // When the newest went, the rows that the newest kept one lies in are the open ones again.
  connection.run(
    "UPDATE entry SET until = NULL WHERE source = ?1 AND until > (SELECT max(number) FROM revision WHERE source = ?1)",
    id,
  );
  connection.run(
    `DELETE FROM upstream_note WHERE source = ?1 AND sha256 NOT IN (SELECT sha256 FROM entry WHERE source = ?1)`,
    id,
  );
  appendAudit(connection, auditOfRemoval(source, gone, removal));
}

/** What needs a revision now, whatever a plan said a moment ago. */
function neederOf(connection: Connection, id: number, source: string, number: number, now: Instant): string | null {
  const holder = connection.get("SELECT channel FROM position WHERE source = ? AND revision = ?", id, number);
  if (holder !== undefined) return `channel ${text(holder["channel"])}`;
  const proposal = connection.get(
    "SELECT id FROM proposal WHERE source = ? AND revision = ? AND state = 'open'",
    source,
    number,
  );
  if (proposal !== undefined) return `proposal ${whole(proposal["id"])}`;
  const pin = connection.get(
    `SELECT id FROM restraint WHERE released IS NULL AND (expires_at IS NULL OR expires_at > ?)
       AND restrains ->> 'kind' = 'pin' AND restrains ->> 'source' = ? AND restrains ->> 'revision' = ?`,
    now,
    source,
    number,
  );
  return pin === undefined ? null : `pin ${whole(pin["id"])}`;
}

const PURGED = "SELECT * FROM purged WHERE source = ?";

/** Revisions that were removed, newest first. */
export function purgedRows(connection: Connection, source: string, limit: number): readonly PurgedRevision[] {
  return connection.all(`${PURGED} ORDER BY number DESC LIMIT ?`, source, limit).map(purgedFrom);
}

export function purgedRow(connection: Connection, source: string, number: number): PurgedRevision | null {
  const row = connection.get(`${PURGED} AND number = ?`, source, number);
  return row === undefined ? null : purgedFrom(row);
}

function purgedFrom(row: Row): PurgedRevision {
  return {
    source: text(row["source"]),
    number: whole(row["number"]),
    sealedAt: whole(row["sealed_at"]),
    files: whole(row["files"]),
    bytes: whole(row["bytes"]),
    vouchedBy: text(row["vouched_by"]),
    purgedAt: whole(row["purged_at"]),
    by: text(row["by"]),
    why: text(row["why"]),
  };
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

interface OpenRow {
  readonly since: number;
  readonly sha256: string;
  readonly builtAt: Instant | null;
}

function openRows(connection: Connection, id: number): Map<string, OpenRow> {
  const sql = "SELECT path, since, sha256, built_at FROM entry WHERE source = ? AND until IS NULL";
  const rows = new Map<string, OpenRow>();
  for (const [path, since, sha256, builtAt] of connection.arrays(sql, id)) {
    rows.set(text(path), { since: whole(since), sha256: text(sha256), builtAt: wholeOrNull(builtAt) });
  }
  return rows;
}

function nextNumber(connection: Connection, source: string): number {
  const sql = `INSERT INTO numbering (source, last) VALUES (?, 1)
    ON CONFLICT (source) DO UPDATE SET last = last + 1 RETURNING last`;
  return whole(connection.get(sql, source)?.["last"]);
}

// A statement for every so many rows: twice as fast as one for each, and there may be a hundred thousand.
function insertEntries(connection: Connection, id: number, number: number, entries: readonly DraftEntry[]): void {
  for (let at = 0; at < entries.length; at += ROWS_AT_ONCE) {
    const some = entries.slice(at, at + ROWS_AT_ONCE);
    const rows = Array(some.length).fill("(?, ?, ?, ?, ?, ?)").join();
    const values = some.flatMap(({ path, sha256, size, builtAt }) => [id, path, number, sha256, size, builtAt]);
    connection.run(`INSERT INTO entry (source, path, since, sha256, size, built_at) VALUES ${rows}`, ...values);
  }
}

function insertRevision(connection: Connection, id: number, revision: Revision): void {
  connection.run(
    `INSERT INTO revision (source, number, sealed_at, files, bytes, series, vouched_by, unsigned, newest_built_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    revision.number,
    revision.sealedAt,
    revision.files,
    revision.bytes,
    JSON.stringify(revision.series),
    revision.vouchedBy,
    revision.unsigned ? 1 : 0,
    revision.newestBuiltAt,
  );
}
