import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { Instant } from "../../core/kernel/instant.ts";
import {
  type ClientPage,
  type ClientQuery,
  type ClientReport,
  type ClientRow,
  type ContentSpread,
  networkOf,
  type RevisionSpread,
  type Sighting,
} from "../../core/model/client-sighting.ts";
import type { SightingRetention, Sightings } from "../../core/ports.ts";
import type { CanarySightings } from "../../core/release/canaries.ts";
import type { Connection } from "./connection.ts";
import { hoursFrom, withHour } from "./rhythm-rows.ts";
import { text, whole, wholeOrNull } from "./rows.ts";
import { forgetClients, forgetTakings } from "./sighting-retention.ts";
import { SightingBatch } from "./sighting-rows.ts";

const VISIT_COLUMNS = "v.first_seen, v.last_seen, v.began, v.visits, v.held, v.held_since";
const TAKING_COLUMNS = "t.first_at, t.whole_at, t.last_at, t.files, t.bytes, v.visits - t.visits_before";
const NAMES = "c.id, c.name, c.agent, n.channel, s.name, n.id";
const JOINS = "JOIN client c ON c.id = v.client JOIN served n ON n.id = v.channel JOIN source s ON s.id = v.source";

/** The sightings in SQLite. Every list is read by a key's order, a page at a time, however many clients there are. */
export class SqliteSightings implements Sightings {
  readonly #connection: Connection;
  readonly #mostClients: number;

  constructor(connection: Connection, mostClients: number) {
    this.#connection = connection;
    this.#mostClients = mostClients;
  }

  async record(sightings: readonly Sighting[], reports: readonly ClientReport[]): Promise<number> {
    if (sightings.length === 0 && reports.length === 0) return 0;
    return this.#connection.lazily(() => {
      const batch = new SightingBatch(this.#connection, this.#mostClients);
      return batch.add(sightings) + reports.filter((report) => !batch.report(report)).length;
    });
  }

  async clients(query: ClientQuery): Promise<ClientPage> {
    const limit = query.limit + 1;
    const rows =
      query.sha256 !== null
        ? this.#takersOfFile(query, query.sha256, limit)
        : query.source !== null && query.revision !== null
          ? this.#takersOfRevision(query, query.source, query.revision, limit)
          : this.#visitors(query, limit);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return { rows: page.map(clientRowFrom), next: rows.length < limit || last === undefined ? null : placeOf(last) };
  }

  #visitors(query: ClientQuery, limit: number): readonly Values[] {
    const sql = `SELECT ${NAMES}, ${VISIT_COLUMNS}, v.source FROM visit v ${JOINS}
      WHERE (v.source, v.channel, v.client) > (?, ?, ?) ${where(query)}
      ORDER BY v.source, v.channel, v.client LIMIT ?`;
    return this.#connection.arrays(sql, ...after(query), ...given(query), limit);
  }

  // CROSS JOIN is SQLite's word for "in this order": who took it is read along its key, a page and no more.
  #takersOfRevision(query: ClientQuery, source: string, revision: number, limit: number): readonly Values[] {
    const [, channel, client] = after(query);
    const sql = `SELECT ${NAMES}, ${VISIT_COLUMNS}, v.source, ${TAKING_COLUMNS} FROM taken t
      CROSS JOIN visit v ON v.source = t.source AND v.channel = t.channel AND v.client = t.client ${JOINS}
      WHERE t.source = (SELECT id FROM source WHERE name = ?) AND t.revision = ?
      AND (t.channel, t.client) > (?, ?) ${where(query)}
      ORDER BY t.channel, t.client LIMIT ?`;
    return this.#connection.arrays(sql, source, revision, channel ?? 0, client ?? 0, ...given(query), limit);
  }

  /** Of a client that took the content under several paths, the first. */
  #takersOfFile(query: ClientQuery, sha256: string, limit: number): readonly Values[] {
    const files = this.#connection.arrays("SELECT id FROM seen_file WHERE sha256 = ? ORDER BY id", sha256);
    const sql = `SELECT ${NAMES}, ${VISIT_COLUMNS}, f.id, ${TAKING_COLUMNS}
      FROM taken_file t CROSS JOIN seen_file f ON f.id = t.file
      CROSS JOIN visit v ON v.source = f.source AND v.channel = t.channel AND v.client = t.client ${JOINS}
      WHERE t.file = ? AND (t.channel, t.client) > (?, ?) ${where(query)}
      AND NOT EXISTS (SELECT 1 FROM seen_file g JOIN taken_file e ON e.file = g.id
        WHERE g.sha256 = f.sha256 AND g.source = f.source AND g.id < f.id AND e.channel = t.channel AND e.client = t.client)
      ORDER BY t.channel, t.client LIMIT ?`;
    const [from = 0, ...rest] = after(query);
    const rows: Values[] = [];
    for (const id of files.map(([value]) => whole(value)).filter((value) => value >= from)) {
      const [channel, client] = id === from ? rest : [0, 0];
      rows.push(...this.#connection.arrays(sql, id, channel ?? 0, client ?? 0, ...given(query), limit - rows.length));
      if (rows.length >= limit) break;
    }
    return rows;
  }

  async spread(source: string, revision: number): Promise<readonly RevisionSpread[]> {
    const took = `SELECT t.channel, count(*), count(*) FILTER (WHERE v.held IS NOT ?2) FROM taken t
      CROSS JOIN visit v ON v.source = t.source AND v.channel = t.channel AND v.client = t.client
      WHERE t.source = (SELECT id FROM source WHERE name = ?1) AND t.revision = ?2 AND t.whole_at IS NOT NULL
      GROUP BY t.channel`;
    const taken = new Map(this.#connection.arrays(took, source, revision).map(([id, all, left]) => [id, [all, left]]));
    const seen = `SELECT n.channel, n.id, count(*), count(*) FILTER (WHERE v.held = ?2) FROM visit v
      JOIN served n ON n.id = v.channel WHERE v.source = (SELECT id FROM source WHERE name = ?1)
      GROUP BY v.channel ORDER BY n.channel`;
    return this.#connection.arrays(seen, source, revision).map(([channel, id, clients, holding]) => {
      const [all, left] = taken.get(id) ?? [0, 0];
      return {
        channel: text(channel),
        took: whole(all),
        left: whole(left),
        clients: whole(clients),
        holding: whole(holding),
      };
    });
  }

  async takers(sha256: string): Promise<readonly ContentSpread[]> {
    const sql = `SELECT s.name, n.channel, count(DISTINCT t.client) FILTER (WHERE t.whole_at IS NOT NULL),
      count(DISTINCT t.client), min(t.first_at), max(t.last_at)
      FROM seen_file f CROSS JOIN taken_file t ON t.file = f.id
      JOIN served n ON n.id = t.channel JOIN source s ON s.id = f.source
      WHERE f.sha256 = ? GROUP BY s.name, n.channel ORDER BY s.name, n.channel`;
    return this.#connection.arrays(sql, sha256).map(([source, channel, all, clients, firstAt, lastAt]) => ({
      source: text(source),
      channel: text(channel),
      whole: whole(all),
      part: whole(clients) - whole(all),
      firstAt: whole(firstAt),
      lastAt: whole(lastAt),
    }));
  }

  async canaries(
    source: string,
    channel: string,
    revision: number,
    limit: number,
  ): Promise<readonly CanarySightings[]> {
    const later = new Map(this.#connection.arrays(LATER, source, revision, channel).map(([id, at]) => [id, whole(at)]));
    return this.#connection.arrays(CANARIES, source, channel, revision, limit).map((row) => {
      const [id, name, likeness, firstSeen, lastSeen, hour, inHour, newest, counts, wholeAt, returns] = row;
      const client = text(name);
      return {
        client: `${client} ${text(likeness)}`,
        address: client,
        likeness: `${text(likeness)} ${networkOf(client)}`,
        firstSeen: whole(firstSeen),
        lastSeen: whole(lastSeen),
        hours: withHour(hoursFrom(newest, counts), whole(hour), whole(inHour)),
        fetchedAt: wholeOrNull(wholeAt),
        returns: wholeAt === null ? 0 : whole(returns),
        supersededAt: later.get(id) ?? null,
      };
    });
  }

  async reports(channel: string | null, since: Instant, limit: number): Promise<readonly ClientReport[]> {
    const sql = `SELECT r.at, c.name, c.agent, n.channel, r.about, r.outcome, r.code, r.source FROM report r
      JOIN client c ON c.id = r.client JOIN served n ON n.id = r.channel
      WHERE r.at >= ? AND (?2 IS NULL OR n.channel = ?2) ORDER BY r.at DESC, c.id, r.about LIMIT ?`;
    return this.#connection.arrays(sql, since, channel, limit).map(reportFrom);
  }

  async seenSince(since: Instant): Promise<ReadonlyMap<string, number>> {
    const sql = `SELECT n.channel, count(DISTINCT v.client) FROM visit v JOIN served n ON n.id = v.channel
      WHERE v.last_seen >= ? GROUP BY v.channel ORDER BY n.channel`;
    return new Map(this.#connection.arrays(sql, since).map(([channel, count]) => [text(channel), whole(count)]));
  }

  async forget(retention: SightingRetention): Promise<number> {
    return this.#connection.lazily(
      () => forgetTakings(this.#connection, retention) + forgetClients(this.#connection, retention),
    );
  }

  async forgetAll(): Promise<void> {
    this.#connection.transaction(() => {
      for (const table of ["visit", "rhythm", "taken", "taken_file", "taken_group", "seen_file", "report", "client"])
        this.#connection.run(`DELETE FROM ${table}`);
    });
  }
}

/** Removes what is known of a source's clients, within the caller's transaction. */
export function removeSightings(connection: Connection, source: number): void {
  connection.run("DELETE FROM taken_file WHERE file IN (SELECT id FROM seen_file WHERE source = ?)", source);
  connection.run(
    "DELETE FROM taken_group WHERE kind = 'file' AND one IN (SELECT id FROM seen_file WHERE source = ?)",
    source,
  );
  connection.run("DELETE FROM taken_group WHERE kind = 'revision' AND one = ?", source);
  for (const table of ["seen_file", "taken", "rhythm", "visit"])
    connection.run(`DELETE FROM ${table} WHERE source = ?`, source);
}

const CANARIES = `SELECT c.id, c.name, c.likeness, v.first_seen, v.last_seen, v.hour, v.in_hour, r.newest, r.counts,
  t.whole_at, v.visits - t.visits_before
  FROM visit v JOIN client c ON c.id = v.client
  LEFT JOIN rhythm r ON r.source = v.source AND r.channel = v.channel AND r.client = v.client
  LEFT JOIN taken t ON t.source = v.source AND t.revision = ?3 AND t.channel = v.channel AND t.client = v.client
  WHERE v.source = (SELECT id FROM source WHERE name = ?1) AND v.channel = (SELECT id FROM served WHERE channel = ?2)
  ORDER BY v.client LIMIT ?4`;
const LATER = `SELECT client, min(whole_at) FROM taken WHERE source = (SELECT id FROM source WHERE name = ?1)
  AND revision > ?2 AND channel = (SELECT id FROM served WHERE channel = ?3) AND whole_at IS NOT NULL GROUP BY client`;

type Values = readonly SQLOutputValue[];

function where({ source, channel }: ClientQuery): string {
  // Numbers, not names: the key's order then serves the filter too.
  const ofSource = source === null ? "" : "AND v.source = (SELECT id FROM source WHERE name = ?)";
  return `${ofSource} ${channel === null ? "" : "AND v.channel = (SELECT id FROM served WHERE channel = ?)"}`;
}

function given({ source, channel }: ClientQuery): readonly SQLInputValue[] {
  return [source, channel].filter((name) => name !== null);
}

/** The key of a page's last row, as text: source or file, channel, client. */
function placeOf(row: Values): string {
  return `${whole(row[12])}.${whole(row[5])}.${whole(row[0])}`;
}

function after({ after: place }: ClientQuery): readonly number[] {
  const parts = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/.exec(place ?? "0.0.0");
  return parts === null ? [0, 0, 0] : parts.slice(1).map(Number);
}

function clientRowFrom([, name, agent, channel, source, , ...rest]: Values): ClientRow {
  const [firstSeen, lastSeen, began, visits, held, heldSince, , ...taking] = rest;
  const [firstAt, wholeAt, lastAt, files, bytes, returns] = taking;
  return {
    client: { name: text(name), agent: text(agent) },
    channel: text(channel),
    source: text(source),
    firstSeen: whole(firstSeen),
    lastSeen: whole(lastSeen),
    began: whole(began),
    visits: whole(visits),
    held: wholeOrNull(held),
    heldSince: wholeOrNull(heldSince),
    taking:
      firstAt === undefined
        ? null
        : {
            firstAt: whole(firstAt),
            wholeAt: wholeOrNull(wholeAt),
            lastAt: whole(lastAt),
            files: whole(files),
            bytes: whole(bytes),
            returns: whole(returns),
          },
  };
}

function reportFrom([at, name, agent, channel, about, outcome, code, source]: Values): ClientReport {
  return {
    at: whole(at),
    client: { name: text(name), agent: text(agent) },
    channel: text(channel),
    about: text(about),
    outcome: outcome === "ok" || outcome === "back" ? outcome : "failed",
    code: text(code),
    source: text(source),
  };
}
