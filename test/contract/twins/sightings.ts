import type { Sha256 } from "../../../src/core/kernel/digest.ts";
import type { Instant } from "../../../src/core/kernel/instant.ts";
import {
  type ClientPage,
  type ClientQuery,
  type ClientReport,
  type ClientRow,
  type ContentSpread,
  likenessOf,
  networkOf,
  noteSighting,
  type RevisionSpread,
  type SeenClient,
  type Sighting,
  type Taking,
  type Visits,
} from "../../../src/core/model/client-sighting.ts";
import { type HoursSeen, NO_HOURS, withSighting } from "../../../src/core/model/hours-seen.ts";
import type { SightingRetention, Sightings } from "../../../src/core/ports.ts";
import type { CanarySightings } from "../../../src/core/release/canaries.ts";

/** What the ledger knows of a source, or `null`. */
export type KnownSource = (name: string) => {
  readonly last: number;
  readonly has: (path: string, sha256: Sha256) => boolean;
} | null;

interface Held {
  readonly number: number;
  readonly likeness: string;
  agent: string;
}

interface HeldVisit {
  readonly client: Held;
  readonly name: string;
  readonly channel: string;
  readonly source: string;
  visits: Visits;
  hours: HoursSeen;
  readonly takings: Map<string, Taking & { readonly before: number }>;
}

/** The sightings in memory: everything by itself, nothing counted ahead. */
export class MemorySightings implements Sightings {
  readonly #known: KnownSource;
  readonly #clients = new Map<string, Held>();
  readonly #visits = new Map<string, HeldVisit>();
  #reports: readonly ClientReport[] = [];
  #last = 0;

  constructor(known: KnownSource) {
    this.#known = known;
  }

  removeSource(source: string): void {
    for (const [key, visit] of this.#visits) if (visit.source === source) this.#visits.delete(key);
  }

  async record(sightings: readonly Sighting[], reports: readonly ClientReport[]): Promise<number> {
    const left = sightings.filter((sighting) => !this.#note(sighting)).length;
    for (const report of reports) {
      this.#client(report.client);
      const other = (known: ClientReport): boolean => keyOf(known) !== keyOf(report);
      this.#reports = [report, ...this.#reports.filter(other)].toSorted((a, b) => b.at - a.at);
    }
    return left;
  }

  #client({ name, agent }: SeenClient): Held {
    const likeness = likenessOf(agent);
    const key = `${name}\0${likeness}`;
    let held = this.#clients.get(key);
    if (held === undefined) this.#clients.set(key, (held = { number: ++this.#last, likeness, agent }));
    held.agent = agent;
    return held;
  }

  #note(sighting: Sighting): boolean {
    const source = this.#known(sighting.source);
    if (source === null || sighting.revision > source.last) return false;
    const client = this.#client(sighting.client);
    const key = `${sighting.source}\0${sighting.channel}\0${client.number}`;
    const before = this.#visits.get(key);
    const { visits, fresh } = noteSighting(before?.visits ?? null, sighting);
    const { name } = sighting.client;
    const { channel, source: from, at } = sighting;
    const held = before ?? { client, name, channel, source: from, visits, hours: NO_HOURS, takings: new Map() };
    held.visits = visits;
    if (fresh) held.hours = withSighting(held.hours, at);
    this.#visits.set(key, held);
    if (sighting.bytes === 0 || (sighting.result !== "whole" && sighting.result !== "partial")) return true;
    this.#take(held, `revision ${sighting.revision}`, sighting);
    if (sighting.sha256 !== null && source.has(sighting.path, sighting.sha256))
      this.#take(held, sighting.sha256, sighting);
    return true;
  }

  #take({ takings, visits }: HeldVisit, what: string, { at, result, bytes }: Sighting): void {
    const known = takings.get(what);
    const whole = result === "whole";
    takings.set(what, {
      firstAt: known?.firstAt ?? at,
      wholeAt: known?.wholeAt ?? (whole ? at : null),
      lastAt: Math.max(known?.lastAt ?? at, at),
      files: (known?.files ?? 0) + (whole ? 1 : 0),
      bytes: (known?.bytes ?? 0) + bytes,
      returns: 0,
      before: known?.before ?? visits.visits,
    });
  }

  async clients({ source, channel, revision, sha256, after, limit }: ClientQuery): Promise<ClientPage> {
    const what = sha256 ?? (source === null || revision === null ? null : `revision ${revision}`);
    const all = [...this.#visits.values()]
      .filter((one) => (source === null || one.source === source) && (channel === null || one.channel === channel))
      .filter(({ takings }) => what === null || takings.has(what));
    const from = after === null ? 0 : Number(after);
    const rows = all.slice(from, from + limit).map((held) => rowOf(held, what));
    return { rows, next: from + limit < all.length ? String(from + limit) : null };
  }

  async spread(source: string, revision: number): Promise<readonly RevisionSpread[]> {
    const here = [...this.#visits.values()].filter((one) => one.source === source);
    const channels = [...new Set(here.map(({ channel }) => channel))].toSorted();
    return channels.map((channel) => {
      const clients = here.filter((one) => one.channel === channel);
      const took = clients.filter(({ takings }) => (takings.get(`revision ${revision}`)?.wholeAt ?? null) !== null);
      return {
        channel,
        took: took.length,
        left: took.filter(({ visits }) => visits.held !== revision).length,
        clients: clients.length,
        holding: clients.filter(({ visits }) => visits.held === revision).length,
      };
    });
  }

  async takers(sha256: Sha256): Promise<readonly ContentSpread[]> {
    const took = [...this.#visits.values()].flatMap(({ source, channel, takings }) => {
      const taking = takings.get(sha256);
      return taking === undefined ? [] : [{ source, channel, taking }];
    });
    const places = [...new Set(took.map(({ source, channel }) => `${source}\0${channel}`))].toSorted();
    return places.map((place) => {
      const [source = "", channel = ""] = place.split("\0");
      const here = took.filter((one) => one.source === source && one.channel === channel).map(({ taking }) => taking);
      const whole = here.filter(({ wholeAt }) => wholeAt !== null).length;
      const firstAt = Math.min(...here.map((one) => one.firstAt));
      const lastAt = Math.max(...here.map((one) => one.lastAt));
      return { source, channel, whole, part: here.length - whole, firstAt, lastAt };
    });
  }

  async canaries(
    source: string,
    channel: string,
    revision: number,
    limit: number,
  ): Promise<readonly CanarySightings[]> {
    const here = [...this.#visits.values()].filter((one) => one.source === source && one.channel === channel);
    return here.slice(0, limit).map(({ client, name, visits, hours, takings }) => {
      const taking = takings.get(`revision ${revision}`);
      const fetchedAt = taking?.wholeAt ?? null;
      const later = [...takings]
        .filter(([what]) => what.startsWith("revision ") && Number(what.slice(9)) > revision)
        .flatMap(([, { wholeAt }]) => (wholeAt === null ? [] : [wholeAt]));
      return {
        client: `${name} ${client.likeness}`,
        address: name,
        likeness: `${client.likeness} ${networkOf(name)}`,
        firstSeen: visits.firstSeen,
        lastSeen: visits.lastSeen,
        hours,
        fetchedAt,
        returns: taking === undefined || fetchedAt === null ? 0 : visits.visits - taking.before,
        supersededAt: later.length === 0 ? null : Math.min(...later),
      };
    });
  }

  async reports(channel: string | null, since: Instant, limit: number): Promise<readonly ClientReport[]> {
    const wanted = this.#reports.filter((one) => one.at >= since && (channel === null || one.channel === channel));
    return wanted.slice(0, limit);
  }

  async seenSince(since: Instant): Promise<ReadonlyMap<string, number>> {
    const seen = new Map<string, Set<number>>();
    for (const { channel, visits, client } of this.#visits.values()) {
      if (visits.lastSeen >= since) seen.set(channel, (seen.get(channel) ?? new Set()).add(client.number));
    }
    return new Map([...seen].map(([channel, clients]) => [channel, clients.size]));
  }

  async forget({ seenBefore, takenBefore }: SightingRetention): Promise<number> {
    let removed = 0;
    for (const [key, { visits, takings }] of this.#visits) {
      for (const [what, { lastAt }] of takings) if (lastAt < takenBefore && takings.delete(what)) removed += 1;
      if (visits.lastSeen < seenBefore && this.#visits.delete(key)) removed += 1;
    }
    const kept = this.#reports.filter(({ at }) => at >= seenBefore);
    removed += this.#reports.length - kept.length;
    this.#reports = kept;
    return removed;
  }

  async forgetAll(): Promise<void> {
    this.#visits.clear();
    this.#clients.clear();
    this.#reports = [];
  }
}

function keyOf({ client, channel, about }: ClientReport): string {
  return `${client.name}\0${likenessOf(client.agent)}\0${channel}\0${about}`;
}

function rowOf({ client, name, channel, source, visits, takings }: HeldVisit, what: string | null): ClientRow {
  const taking = what === null ? undefined : takings.get(what);
  const { before = 0, ...rest } = taking ?? {};
  const full = taking === undefined ? null : { ...(rest as Taking), returns: visits.visits - before };
  return { client: { name, agent: client.agent }, channel, source, ...visits, taking: full };
}
