import {
  type ClientReport,
  likenessOf,
  noteSighting,
  type Sighting,
  type Visits,
} from "../../core/model/client-sighting.ts";
import { hourOf } from "../../core/model/hours-seen.ts";
import { mountOf } from "../../core/model/source.ts";
import { BY_HASH } from "../../core/publish/channel-view.ts";
import type { Connection, Row } from "./connection.ts";
import { foldHours } from "./rhythm-rows.ts";
import { specFrom, whole, wholeOrNull } from "./rows.ts";

/** Kinds of program that one name may show: who invents more is one client of the last kind. */
const MOST_KINDS = 16;
const FURTHER = "(further)";
/** Subjects that one client may report on; what comes beyond is not kept. */
const MOST_SUBJECTS = 32;
/** Digests without a path that one batch looks for. */
const MOST_SEARCHES = 16;

interface KnownSource {
  readonly id: number;
  readonly mount: string;
  /** The highest revision that it has had. */
  readonly last: number;
}

/** Adds one batch within the caller's transaction. What is looked up once for a batch is kept in it, and no longer. */
export class SightingBatch {
  readonly #connection: Connection;
  readonly #mostClients: number;
  readonly #sources = new Map<string, KnownSource | null>();
  readonly #channels = new Map<string, number>();
  readonly #files = new Map<string, number | null>();
  #clients: number | null = null;
  #searches = 0;

  constructor(connection: Connection, mostClients: number) {
    this.#connection = connection;
    this.#mostClients = mostClients;
  }

  /** Answers how many were left out. */
  add(sightings: readonly Sighting[]): number {
    let left = 0;
    for (const group of grouped(sightings).values()) if (!this.#addGroup(group)) left += group.length;
    return left;
  }

  /** All of one client, source and channel, oldest first. */
  #addGroup(group: readonly Sighting[]): boolean {
    const [one] = group;
    if (one === undefined) return true;
    const source = this.#source(one.source);
    if (source === null) return false;
    const believed = group.filter(({ revision }) => revision <= source.last);
    const client = believed.length === 0 ? null : this.#client(one.client.name, one.client.agent);
    if (client === null) return false;
    const channel = this.#channel(one.channel);
    const row = this.#connection.get(VISIT, source.id, channel, client);
    let visits = row === undefined ? null : visitsFrom(row);
    let hour = row === undefined ? -1 : whole(row["hour"]);
    let inHour = row === undefined ? 0 : whole(row["in_hour"]);
    for (const sighting of believed) {
      const noted = noteSighting(visits, sighting);
      if (noted.fresh && hourOf(sighting.at) !== hour) {
        // Written once an hour: a client that asks every minute would otherwise have its eight weeks written each time.
        if (hour >= 0) foldHours(this.#connection, [source.id, channel, client], hour, inHour);
        [hour, inHour] = [hourOf(sighting.at), 0];
      }
      if (noted.fresh) inHour += 1;
      visits = noted.visits;
      if (sighting.bytes > 0 && (sighting.result === "whole" || sighting.result === "partial"))
        this.#taken(source, channel, client, sighting, visits.visits);
    }
    if (visits === null) return true;
    const { firstSeen, lastSeen, began, visits: count, held, heldSince } = visits;
    const values = [firstSeen, lastSeen, began, count, held, heldSince, hour, inHour];
    this.#connection.run(PUT_VISIT, source.id, channel, client, ...values);
    return believed.length === group.length;
  }

  #taken(source: KnownSource, channel: number, client: number, sighting: Sighting, visits: number): void {
    const { at, revision, result, bytes } = sighting;
    const all = result === "whole";
    const more = [all ? at : null, at, all ? 1 : 0, bytes] as const;
    const known = this.#connection.run(MORE_OF_REVISION, ...more, source.id, revision, channel, client);
    if (known === 0) this.#connection.run(NEW_TAKING, source.id, revision, channel, client, at, ...more, visits);
    this.#connection.run(COUNT_TAKING, "revision", source.id, revision, at, known === 0 ? 1 : 0);
    const file = this.#file(source, sighting);
    if (file === null) return;
    const held = this.#connection.run(MORE_OF_FILE, ...more, file, channel, client);
    if (held === 0) this.#connection.run(NEW_FILE_TAKING, file, channel, client, at, ...more, visits);
    this.#connection.run(COUNT_TAKING, "file", file, 0, at, held === 0 ? 1 : 0);
  }

  report({ at, client: who, channel, about, outcome, code, source }: ClientReport): boolean {
    const client = this.#client(who.name, who.agent);
    if (client === null) return false;
    const place = this.#channel(channel);
    const subjects = this.#connection.all("SELECT about FROM report WHERE client = ? AND channel = ?", client, place);
    if (subjects.length >= MOST_SUBJECTS && !subjects.some((row) => row["about"] === about)) return false;
    this.#connection.run(PUT_REPORT, place, client, about, at, outcome, code, source);
    return true;
  }

  #source(name: string): KnownSource | null {
    let known = this.#sources.get(name);
    if (known === undefined) {
      const sql = `SELECT s.id, s.spec, n.last FROM source s JOIN numbering n ON n.source = s.name WHERE s.name = ?`;
      const row = this.#connection.get(sql, name);
      known =
        row === undefined ? null : { id: whole(row["id"]), mount: mountOf(specFrom(row)), last: whole(row["last"]) };
      this.#sources.set(name, known);
    }
    return known;
  }

  #channel(name: string): number {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    this.#connection.run("INSERT INTO served (channel) VALUES (?) ON CONFLICT DO NOTHING", name);
    const id = whole(this.#connection.get("SELECT id FROM served WHERE channel = ?", name)?.["id"]);
    this.#channels.set(name, id);
    return id;
  }

  #client(name: string, agent: string): number | null {
    const likeness = likenessOf(agent);
    const row = this.#connection.get(CLIENT, name, likeness);
    if (row === undefined) return this.#newClient(name, likeness, agent);
    const id = whole(row["id"]);
    if (row["agent"] !== agent) this.#connection.run("UPDATE client SET agent = ? WHERE id = ?", agent, id);
    return id;
  }

  #newClient(name: string, likeness: string, agent: string): number | null {
    const kinds = whole(this.#connection.get("SELECT count(*) AS n FROM client WHERE name = ?", name)?.["n"]);
    const further = kinds >= MOST_KINDS ? this.#connection.get(CLIENT, name, FURTHER) : undefined;
    if (further !== undefined) return whole(further["id"]);
    this.#clients ??= whole(this.#connection.get("SELECT count(*) AS n FROM client")?.["n"]);
    if (this.#clients >= this.#mostClients) return null;
    this.#clients += 1;
    const sql = "INSERT INTO client (name, likeness, agent) VALUES (?, ?, ?) RETURNING id";
    const kind = kinds >= MOST_KINDS ? FURTHER : likeness;
    return whole(this.#connection.get(sql, name, kind, agent)?.["id"]);
  }

  /** The file's number, if the ledger has such a file: digests that a server invents are not kept. */
  #file({ id, mount }: KnownSource, { path, sha256 }: Sighting): number | null {
    const byHash = path.startsWith(BY_HASH);
    if (sha256 === null || !(byHash || path.startsWith(mount))) return null;
    const key = `${id} ${sha256} ${path}`;
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const row = byHash ? this.#fileByHash(id, sha256) : this.#fileByPath(id, sha256, path.slice(mount.length));
    const file = row === undefined ? null : whole(row["id"]);
    this.#files.set(key, file);
    return file;
  }

  #fileByPath(source: number, sha256: string, path: string): Row | undefined {
    const sql = "SELECT id FROM seen_file WHERE sha256 = ? AND source = ? AND path = ?";
    return this.#connection.get(sql, sha256, source, path) ?? this.#connection.get(NEW_FILE, source, path, sha256);
  }

  /** Asked for by its digest, a file has any of its paths. The first time all entries of the source are read for it. */
  #fileByHash(source: number, sha256: string): Row | undefined {
    const sql = "SELECT id FROM seen_file WHERE sha256 = ? AND source = ? LIMIT 1";
    const known = this.#connection.get(sql, sha256, source);
    if (known !== undefined || this.#searches >= MOST_SEARCHES) return known;
    this.#searches += 1;
    return this.#connection.get(FILE_BY_HASH, source, sha256);
  }
}

function grouped(sightings: readonly Sighting[]): ReadonlyMap<string, readonly Sighting[]> {
  const groups = new Map<string, Sighting[]>();
  for (const sighting of sightings) {
    const { client, source, channel } = sighting;
    const key = `${source} ${channel} ${client.name} ${likenessOf(client.agent)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sighting]);
    else group.push(sighting);
  }
  return groups;
}

function visitsFrom(row: Row): Visits {
  return {
    firstSeen: whole(row["first_seen"]),
    lastSeen: whole(row["last_seen"]),
    began: whole(row["began"]),
    visits: whole(row["visits"]),
    held: wholeOrNull(row["held"]),
    heldSince: wholeOrNull(row["held_since"]),
  };
}

const CLIENT = "SELECT id, agent FROM client WHERE name = ? AND likeness = ?";
const VISIT = "SELECT * FROM visit WHERE source = ? AND channel = ? AND client = ?";
const PUT_VISIT = `INSERT INTO visit
  (source, channel, client, first_seen, last_seen, began, visits, held, held_since, hour, in_hour)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (source, channel, client) DO UPDATE SET first_seen = excluded.first_seen, last_seen = excluded.last_seen,
  began = excluded.began, visits = excluded.visits, held = excluded.held, held_since = excluded.held_since,
  hour = excluded.hour, in_hour = excluded.in_hour`;
const MORE =
  "SET whole_at = coalesce(whole_at, ?), last_at = max(last_at, ?), files = files + ?, bytes = bytes + ? WHERE";
const MORE_OF_REVISION = `UPDATE taken ${MORE} source = ? AND revision = ? AND channel = ? AND client = ?`;
const MORE_OF_FILE = `UPDATE taken_file ${MORE} file = ? AND channel = ? AND client = ?`;
const TAKING = "first_at, whole_at, last_at, files, bytes, visits_before";
const NEW_TAKING = `INSERT INTO taken (source, revision, channel, client, ${TAKING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const NEW_FILE_TAKING = `INSERT INTO taken_file (file, channel, client, ${TAKING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
/** Counts new rows by group, so that what is past its time is found without reading all of them. */
const COUNT_TAKING = `INSERT INTO taken_group (kind, one, two, last_at, takings) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (kind, one, two) DO UPDATE SET last_at = max(last_at, excluded.last_at), takings = takings + excluded.takings`;
const NEW_FILE = `INSERT INTO seen_file (source, path, sha256)
  SELECT source, path, sha256 FROM entry WHERE source = ? AND path = ? AND sha256 = ? LIMIT 1 RETURNING id`;
const FILE_BY_HASH = `INSERT INTO seen_file (source, path, sha256)
  SELECT source, path, sha256 FROM entry WHERE source = ? AND sha256 = ? LIMIT 1 RETURNING id`;
const PUT_REPORT = `INSERT INTO report (channel, client, about, at, outcome, code, source) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (client, channel, about) DO UPDATE SET at = excluded.at, outcome = excluded.outcome,
  code = excluded.code, source = excluded.source WHERE excluded.at >= at`;
