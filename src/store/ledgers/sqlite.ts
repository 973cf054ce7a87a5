import type { Sha256 } from "../../core/kernel/digest.ts";
import { Failure } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { AUDIT_ORDERS, auditOfMove, auditOfSync } from "../../core/model/audit-entry.ts";
import type { ChannelMove, ChannelPosition, MoveEnd } from "../../core/model/channel.ts";
import type { Evidence } from "../../core/model/evidence.ts";
import type {
  ContentSpan,
  PurgedRevision,
  Removal,
  Revision,
  RevisionDraft,
  RevisionEntry,
} from "../../core/model/revision.ts";
import type { SourceSpec } from "../../core/model/source.ts";
import type { SyncTotals } from "../../core/model/sync-totals.ts";
import type {
  AtStep,
  AuditLog,
  BlobPlace,
  EventRecord,
  Ledger,
  NoticeQueue,
  PeopleBook,
  ReleaseRecord,
  SyncRecord,
  UpstreamNote,
} from "../../core/ports.ts";
import { appendAudit, auditLog } from "./audit-rows.ts";
import { Connection } from "./connection.ts";
import { evidenceOf, putEvidence } from "./evidence-rows.ts";
import { noticeQueue } from "./notice-rows.ts";
import { peopleBook } from "./people-rows.ts";
import { releaseRecord } from "./release-rows.ts";
import { entryRows, purgedRow, purgedRows, removeRows, sealRows, sourceId, spanRows } from "./revision-rows.ts";
import {
  blobFrom,
  eventFrom,
  moveFrom,
  noteFrom,
  placeFrom,
  positionFrom,
  revisionFrom,
  specFrom,
  syncFrom,
  syncTotalFrom,
  whole,
  wholeOrNull,
} from "./rows.ts";
import { removeSightings, SqliteSightings } from "./sightings.ts";

export interface LedgerOptions {
  /** The database file; made where there is none. */
  readonly file: string;
  readonly atStep: AtStep;
  /** Events that are kept, the newest; 100,000 when left out, which is some 30 MB. */
  readonly mostEvents?: number;
  /** Clients that are known at once; 200,000 when left out. */
  readonly mostClients?: number;
}

/** After so many new events the oldest are looked for: refusals come by the thousand, and each look is a write. */
const TRIM_EVERY = 1_000;

/**
 * Opens the ledger and holds it until it is closed. Throws `Failure` `store.busy` when another process holds it,
 * `store.schema` when a newer Ringfort wrote it, `store.damaged`, `store.full`, `store.io`.
 */
export async function openSqliteLedger(options: LedgerOptions): Promise<Ledger> {
  const { file, atStep, mostEvents = 100_000, mostClients = 200_000 } = options;
  const connection = await Connection.open(file);
  const doors = [
    auditLog(connection),
    noticeQueue(connection),
    peopleBook(connection),
    releaseRecord(connection),
    { sightings: new SqliteSightings(connection, mostClients) },
  ] as const;
  return Object.assign(new SqliteLedger(connection, atStep, mostEvents), ...doors);
}

const REVISIONS = "SELECT r.*, s.name AS source_name FROM revision r JOIN source s ON s.id = r.source WHERE s.name = ?";
/** Kinds of the audit log that a decision to move must have known. */
const ORDERS = AUDIT_ORDERS.map((kind) => `'${kind}'`).join(", ");

const POSITIONS = "SELECT p.*, s.name AS source_name FROM position p JOIN source s ON s.id = p.source";

/** Sources, revisions, channels, runs and events; what has nothing to do with them stands in files of its own. */
class SqliteLedger
  implements Omit<Ledger, keyof AuditLog | keyof NoticeQueue | keyof PeopleBook | keyof ReleaseRecord | "sightings">
{
  readonly #connection: Connection;
  readonly #atStep: AtStep;
  readonly #mostEvents: number;
  #eventsSince = TRIM_EVERY;

  constructor(connection: Connection, atStep: AtStep, mostEvents: number) {
    this.#connection = connection;
    this.#atStep = atStep;
    this.#mostEvents = mostEvents;
  }

  async sources(): Promise<readonly SourceSpec[]> {
    return this.#connection.all("SELECT spec FROM source ORDER BY name").map(specFrom);
  }

  async source(name: string): Promise<SourceSpec | null> {
    const row = this.#connection.get("SELECT spec FROM source WHERE name = ?", name);
    return row === undefined ? null : specFrom(row);
  }

  async putSource(spec: SourceSpec): Promise<void> {
    const sql = "INSERT INTO source (name, spec) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec";
    this.#connection.run(sql, spec.name, JSON.stringify(spec));
  }

  async removeSource(name: string): Promise<void> {
    this.#connection.transaction(() => {
      const row = this.#connection.get("SELECT id FROM source WHERE name = ?", name);
      if (row === undefined) return;
      const id = whole(row["id"]);
      removeSightings(this.#connection, id);
      // Those that refer to others first.
      for (const table of ["position", "move", "upstream_note", "entry", "revision"]) {
        this.#connection.run(`DELETE FROM ${table} WHERE source = ?`, id);
      }
      this.#connection.run("DELETE FROM source WHERE id = ?", id);
    });
  }

  async sealRevision(draft: RevisionDraft, sealedAt: Instant): Promise<Revision> {
    const revision = this.#connection.transaction(() => sealRows(this.#connection, draft, sealedAt));
    this.#atStep("revision.committed");
    return revision;
  }

  async revision(source: string, number: number): Promise<Revision | null> {
    const row = this.#connection.get(`${REVISIONS} AND r.number = ?`, source, number);
    return row === undefined ? null : revisionFrom(row);
  }

  async latestRevision(source: string): Promise<Revision | null> {
    const row = this.#connection.get(`${REVISIONS} ORDER BY r.number DESC LIMIT 1`, source);
    return row === undefined ? null : revisionFrom(row);
  }

  async revisions(source: string): Promise<readonly Revision[]> {
    return this.#connection.all(`${REVISIONS} ORDER BY r.number DESC`, source).map(revisionFrom);
  }

  async entries(source: string, number: number): Promise<readonly RevisionEntry[]> {
    const row = this.#connection.get(`${REVISIONS} AND r.number = ?`, source, number);
    return row === undefined ? [] : entryRows(this.#connection, whole(row["source"]), number);
  }

  async contentSpans(source: string): Promise<readonly ContentSpan[]> {
    return spanRows(this.#connection, sourceId(this.#connection, source));
  }

  async referencedBlobs(): Promise<ReadonlyMap<Sha256, number>> {
    return new Map(this.#connection.arrays("SELECT sha256, size FROM entry").map(blobFrom));
  }

  async removeRevisions(source: string, numbers: readonly number[], removal: Removal): Promise<void> {
    if (numbers.length === 0) return;
    this.#connection.transaction(() => removeRows(this.#connection, source, numbers, removal));
  }

  async purgedRevisions(source: string, limit: number): Promise<readonly PurgedRevision[]> {
    return purgedRows(this.#connection, source, limit);
  }

  async purgedRevision(source: string, number: number): Promise<PurgedRevision | null> {
    return purgedRow(this.#connection, source, number);
  }

  async looseBlobs(): Promise<ReadonlyMap<Sha256, Instant>> {
    return new Map(this.#connection.arrays("SELECT sha256, since FROM loose_blob").map(blobFrom));
  }

  async putLooseBlobs(since: ReadonlyMap<Sha256, Instant>): Promise<void> {
    this.#connection.transaction(() => {
      this.#connection.run("DELETE FROM loose_blob");
      for (const [sha256, at] of since) {
        this.#connection.run("INSERT INTO loose_blob (sha256, since) VALUES (?, ?)", sha256, at);
      }
    });
  }

  async whereBlob(sha256: Sha256): Promise<readonly BlobPlace[]> {
    const sql = `SELECT s.name AS source_name, e.path AS path, min(r.number) AS since, max(r.number) AS number
      FROM entry e JOIN source s ON s.id = e.source
      JOIN revision r ON r.source = e.source AND r.number >= e.since AND (e.until IS NULL OR r.number < e.until)
      WHERE e.sha256 = ? GROUP BY s.name, e.path ORDER BY s.name, e.path`;
    return this.#connection.all(sql, sha256).map(placeFrom);
  }

  async position(source: string, channel: string): Promise<ChannelPosition | null> {
    const row = this.#connection.get(`${POSITIONS} WHERE s.name = ? AND p.channel = ?`, source, channel);
    return row === undefined ? null : positionFrom(row);
  }

  async positions(): Promise<readonly ChannelPosition[]> {
    return this.#connection.all(`${POSITIONS} ORDER BY s.name, p.channel`).map(positionFrom);
  }

  async moveChannel(
    position: ChannelPosition,
    move: ChannelMove,
    expectedMoves: number,
    seen: number,
  ): Promise<MoveEnd> {
    if (position.moves <= expectedMoves) throw new Error("a move that does not count");
    const answer = this.#connection.transaction(() => {
      const id = sourceId(this.#connection, position.source);
      const { channel, revision, movedAt, moves, steps } = position;
      const sql = "SELECT moves FROM position WHERE source = ? AND channel = ?";
      const row = this.#connection.get(sql, id, channel);
      if ((row === undefined ? 0 : whole(row["moves"])) !== expectedMoves) return "overtaken-by-move";
      const ordered = `SELECT 1 FROM audit WHERE kind IN (${ORDERS}) AND n >= ? LIMIT 1`;
      if (this.#connection.get(ordered, seen) !== undefined) return "overtaken-by-order";
      // Collected between the decision and this: the channel stays where it is.
      if (this.#connection.get("SELECT 1 FROM revision WHERE source = ? AND number = ?", id, revision) === undefined) {
        throw new Failure("revision.unknown", `${position.source} has no revision ${revision}`);
      }
      const place = [id, channel, revision, movedAt, moves, JSON.stringify(steps)];
      this.#connection.run(
        `INSERT INTO position (source, channel, revision, moved_at, moves, steps) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (source, channel) DO UPDATE SET
           revision = excluded.revision, moved_at = excluded.moved_at, moves = excluded.moves, steps = excluded.steps`,
        ...place,
      );
      const { kind, from, to, at, by, reason } = move;
      const said = [id, move.channel, kind, from, to, at, by, reason];
      this.#connection.run(
        `INSERT INTO move (source, channel, kind, from_number, to_number, at, by, reason)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...said,
      );
      appendAudit(this.#connection, [auditOfMove(move)]);
      return "done";
    });
    if (answer === "done") this.#atStep("channel.committed");
    return answer;
  }

  async moves(source: string, limit: number): Promise<readonly ChannelMove[]> {
    const sql = `SELECT m.*, s.name AS source_name FROM move m JOIN source s ON s.id = m.source
      WHERE s.name = ? ORDER BY m.id DESC LIMIT ?`;
    return this.#connection.all(sql, source, limit).map(moveFrom);
  }

  async upstreamNotes(source: string): Promise<readonly UpstreamNote[]> {
    const sql = "SELECT n.* FROM upstream_note n JOIN source s ON s.id = n.source WHERE s.name = ? ORDER BY n.path";
    return this.#connection.all(sql, source).map(noteFrom);
  }

  async putUpstreamNotes(source: string, notes: readonly UpstreamNote[]): Promise<void> {
    this.#connection.transaction(() => {
      const id = sourceId(this.#connection, source);
      this.#connection.run("DELETE FROM upstream_note WHERE source = ?", id);
      const sql = "INSERT INTO upstream_note (source, path, etag, last_modified, sha256) VALUES (?, ?, ?, ?, ?)";
      for (const note of notes) this.#connection.run(sql, id, note.path, note.etag, note.lastModified, note.sha256);
    });
  }

  async recordSync(record: SyncRecord): Promise<void> {
    const { source, startedAt, endedAt, outcome, code, detail, revision, bytes, requests, by } = record;
    const values = [source, startedAt, endedAt, outcome, code, detail, revision, bytes, requests, by];
    this.#connection.transaction(() => {
      this.#connection.run(
        `INSERT INTO sync (source, started_at, ended_at, outcome, code, detail, revision, bytes, requests, by)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...values,
      );
      appendAudit(this.#connection, [auditOfSync(record)]);
    });
  }

  async syncs(source: string | null, limit: number): Promise<readonly SyncRecord[]> {
    const rows =
      source === null
        ? this.#connection.all("SELECT * FROM sync ORDER BY id DESC LIMIT ?", limit)
        : this.#connection.all("SELECT * FROM sync WHERE source = ? ORDER BY id DESC LIMIT ?", source, limit);
    return rows.map(syncFrom);
  }

  async syncTotals(after: number): Promise<SyncTotals> {
    // Everything here runs between two turns of the loop: no run is recorded between the two questions.
    const last = this.#connection.get("SELECT max(id) AS last FROM sync");
    const sql = `SELECT source, outcome, code, count(*) AS runs, sum(bytes) AS bytes, max(ended_at) AS last_ended_at
      FROM sync WHERE id > ? GROUP BY source, outcome, code`;
    const totals = this.#connection.all(sql, after).map(syncTotalFrom);
    return { through: wholeOrNull(last?.["last"]) ?? 0, totals };
  }

  async recordEvidence(found: readonly Evidence[]): Promise<void> {
    if (found.length > 0) this.#connection.transaction(() => putEvidence(this.#connection, found));
  }

  async evidence(source: string, revision: number): Promise<readonly Evidence[]> {
    return evidenceOf(this.#connection, source, revision);
  }

  async recordEvent(event: EventRecord): Promise<void> {
    const sql = "INSERT INTO event (at, name, fields) VALUES (?, ?, ?)";
    this.#connection.runLazily(sql, event.at, event.name, JSON.stringify(event.fields));
    this.#eventsSince += 1;
    if (this.#eventsSince < TRIM_EVERY) return;
    this.#eventsSince = 0;
    this.#connection.runLazily("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", this.#mostEvents);
  }

  async events(limit: number): Promise<readonly EventRecord[]> {
    return this.#connection.all("SELECT * FROM event ORDER BY id DESC LIMIT ?", limit).map(eventFrom);
  }

  async copyTo(file: string): Promise<void> {
    await this.#connection.copyTo(file);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}
