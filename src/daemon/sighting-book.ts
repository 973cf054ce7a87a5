import { setImmediate } from "node:timers/promises";
import type { Config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { DAY, HOUR, type Instant, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { ClientReport, Sighting } from "../core/model/client-sighting.ts";
import type { Clock, Events, Sightings } from "../core/ports.ts";
import { type SightingBatch, unpackSightings } from "../wire/sightings.ts";

const WRITE_EVERY = SECOND;
/** How long it may take until the ledger knows that a client came and had nothing new to take. */
const POLL_WAITS = 30 * SECOND;
/** Sightings of one transaction: nothing else runs meanwhile. And transactions in a row. */
const MOST_AT_ONCE = 2_000;
const MOST_IN_A_ROW = 8;
/** Sightings that wait, all channels together. */
const MOST_WAITING = 100_000;
/** Of one channel in a second: a server that was taken over could otherwise keep us busy with what it invents. */
const MOST_A_SECOND = 40_000;
/** How far back a server may date what it saw. */
const LATEST_NEWS = MINUTE;
/** How often what is past its time is looked for, and rows that one look removes. */
const SEEN_HOLDS = 10 * SECOND;
const FORGET_EVERY = HOUR;
const FORGET_AT_ONCE = 2_000;

/**
 * Brings what the servers saw into the ledger. Who took something is written within a second; who only asked, and had
 * nothing new, within half a minute: at a poll a minute from each of a fleet, writing each at once would have the disk
 * write the whole table every few seconds for nothing.
 */
export class SightingBook {
  readonly #log: Sightings;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #config: Config["clients"];
  readonly #onBug: (error: unknown) => void;
  #urgent: Sighting[] = [];
  #polls: Sighting[] = [];
  #reports: ClientReport[] = [];
  readonly #served = new Map<string, number>();
  #lost = 0;
  #seen: { readonly at: Instant; readonly counts: ReadonlyMap<string, number> } | null = null;
  #saidAt = Number.NEGATIVE_INFINITY;
  readonly #taken = new Map<string, { second: number; count: number }>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #forgetAt: Instant = 0;

  constructor(parts: {
    readonly log: Sightings;
    readonly clock: Clock;
    readonly events: Events;
    readonly config: Config["clients"];
    readonly onBug: (error: unknown) => void;
  }) {
    this.#log = parts.log;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#config = parts.config;
    this.#onBug = parts.onBug;
  }

  /** Takes what a channel's server says; `false` when it is no batch of this protocol, and its server is to be ended. */
  take(channel: string, batch: SightingBatch): boolean {
    const now = this.#clock.now();
    const unpacked = unpackSightings(batch, channel, now - LATEST_NEWS, now);
    if (unpacked === null) return false;
    if (!this.#config.record) return true;
    this.#lost += Math.min(batch.lost, 1_000_000);
    const { sightings, reports } = unpacked;
    const bytes = sightings.reduce((sum, sighting) => sum + sighting.bytes, this.#served.get(channel) ?? 0);
    this.#served.set(channel, Math.min(bytes, Number.MAX_SAFE_INTEGER));
    const room = Math.min(this.#roomOf(channel, now, sightings.length + reports.length), this.#room);
    for (const sighting of sightings.slice(0, room)) this.#listOf(sighting).push(sighting);
    this.#reports.push(...reports.slice(0, Math.max(0, room - sightings.length)));
    this.#lost += Math.max(0, sightings.length + reports.length - room);
    return true;
  }

  #listOf({ result }: Sighting): Sighting[] {
    return result === "whole" || result === "partial" ? this.#urgent : this.#polls;
  }

  get #room(): number {
    return Math.max(0, MOST_WAITING - this.#urgent.length - this.#polls.length - this.#reports.length);
  }

  #roomOf(channel: string, now: Instant, wanted: number): number {
    const second = Math.floor(now / SECOND);
    const known = this.#taken.get(channel);
    const before = known?.second === second ? known.count : 0;
    const room = Math.min(wanted, Math.max(0, MOST_A_SECOND - before));
    this.#taken.set(channel, { second, count: before + room });
    return room;
  }

  /** Begins to write; where clients are not to be recorded, what was recorded before is removed instead. */
  async start(): Promise<void> {
    if (!this.#config.record) return this.#log.forgetAll();
    this.#timer = setInterval(() => {
      this.#writing = this.#writing.then(() => this.#writeDue()).catch(this.#onBug);
    }, WRITE_EVERY);
    this.#timer.unref();
  }

  /** Writes what waits, and stops. */
  async stop(): Promise<void> {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    await this.#writing;
    while (await this.#write(Number.POSITIVE_INFINITY));
  }

  async #writeDue(): Promise<void> {
    const before = this.#clock.now() - POLL_WAITS;
    for (let writes = 0; writes < MOST_IN_A_ROW && (await this.#write(before)); writes += 1) await setImmediate();
    await this.#forget();
    this.#sayLost();
  }

  /** Writes a part of what is due; `false` when there was nothing. */
  async #write(before: Instant): Promise<boolean> {
    const sightings = this.#next(before);
    const reports = this.#reports.splice(0, MOST_AT_ONCE);
    if (sightings.length + reports.length === 0) return false;
    try {
      this.#lost += await this.#log.record(sightings, reports);
    } catch (cause) {
      // A disk that takes no more must not stop the serving, nor fill the memory with what waits for it.
      if (!(cause instanceof Failure)) throw cause;
      this.#lost += sightings.length + reports.length;
    }
    return true;
  }

  /** What is written next: what clients took, and of the others those that have waited long enough. */
  #next(before: Instant): readonly Sighting[] {
    const urgent = this.#urgent.splice(0, MOST_AT_ONCE);
    // Batches come by channel: their order is that of time within a second or two, which is near enough.
    const end = this.#polls.findIndex(({ at }) => at > before);
    const due = end === -1 ? this.#polls.length : end;
    return [...urgent, ...this.#polls.splice(0, Math.min(due, MOST_AT_ONCE))].toSorted((a, b) => a.at - b.at);
  }

  /** Bytes that the servers say they have sent since our start, by channel; `null` where clients are not recorded. */
  get served(): ReadonlyMap<string, number> | null {
    return this.#config.record ? this.#served : null;
  }

  /** Different clients of each channel in the last day; it may be some seconds old, for it is counted one by one. */
  async seenLately(): Promise<ReadonlyMap<string, number>> {
    const now = this.#clock.now();
    if (this.#seen === null || now - this.#seen.at > SEEN_HOLDS)
      this.#seen = { at: now, counts: await this.#log.seenSince(now - DAY) };
    return this.#seen.counts;
  }

  async #forget(): Promise<void> {
    const now = this.#clock.now();
    if (now < this.#forgetAt) return;
    const { keep, takings, mostTakings } = this.#config;
    try {
      const removed = await this.#log.forget({
        seenBefore: now - keep,
        takenBefore: now - takings,
        mostTakings,
        atOnce: FORGET_AT_ONCE,
      });
      // Until nothing is left, a part with each write.
      if (removed === 0) this.#forgetAt = now + FORGET_EVERY;
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      this.#forgetAt = now + MINUTE;
    }
  }

  #sayLost(): void {
    const now = this.#clock.now();
    if (this.#lost === 0 || now - this.#saidAt < MINUTE) return;
    this.#events.emit("clients.lost", { sightings: this.#lost });
    this.#lost = 0;
    this.#saidAt = now;
  }
}
