import type { Instant } from "../../../core/kernel/instant.ts";
import { MINUTE } from "../../../core/kernel/instant.ts";
import { clientOf } from "../../connections.ts";

/** What one client address (of IPv6 a /64) holds, and what it has done of late. */
export interface Source {
  readonly client: string;
  sessions: number;
  /** Passive ports that wait for it. */
  ports: number;
  /** Commands that it may still send at once. */
  commands: number;
  /** When `commands` was last filled up. */
  filled: Instant;
}

/** The share of a minute's commands that may come at once. */
const BURST = 1 / 6;
/** Sources without a session that are remembered until they have made good what they took. */
const MOST_REMEMBERED = 4_096;
/** Commands that a source may owe before its connections are turned away. */
const MOST_OWED = 100;

/** Who is connected, and who was a moment ago, within the ceilings on sessions and on what they ask for. */
export class Sources {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #perMinute: number;
  readonly #sources = new Map<string, Source>();
  #sessions = 0;

  constructor(limits: {
    readonly sessions: number;
    readonly sessionsPerClient: number;
    readonly commandsPerMinute: number;
  }) {
    this.#most = limits.sessions;
    this.#mostOfOne = limits.sessionsPerClient;
    this.#perMinute = limits.commandsPerMinute;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /** Sources that are remembered, with sessions or without. */
  get size(): number {
    return this.#sources.size;
  }

  /** Counts a new session, or says what is full; `yours-spent`: it has connected more often than it may. */
  admit(address: string, now: Instant): Source | "full" | "yours-full" | "yours-spent" {
    const client = clientOf(address);
    const source = this.#sources.get(client) ?? this.#met(client, now);
    if (this.#filled(source, now) < -MOST_OWED) return "yours-spent";
    // A connection costs what a command does: else a budget were as good as new for who leaves and comes again.
    this.spend(source, now, 1);
    if (source.sessions >= this.#mostOfOne) return "yours-full";
    if (this.#sessions >= this.#most) return "full";
    source.sessions += 1;
    this.#sessions += 1;
    return source;
  }

  /** A session has ended; called once for each that was admitted. */
  leave(source: Source): void {
    this.#sessions -= 1;
    source.sessions -= 1;
  }

  /**
   * Takes one command from what the client may send, and gives the milliseconds that it has to wait for it. It is made
   * to wait, not refused: a mirror run of ten thousand files is only slower, a flood costs the flooder.
   */
  pause(source: Source, now: Instant): number {
    this.spend(source, now, 1);
    return source.commands >= 0 ? 0 : Math.ceil(-source.commands / this.#perMillisecond);
  }

  /** Takes the worth of some commands; whoever has spent all waits with the next. */
  spend(source: Source, now: Instant, commands: number): void {
    source.commands = this.#filled(source, now) - commands;
    source.filled = now;
  }

  /** Forgets who has left and has nothing to make good. */
  sweep(now: Instant): void {
    for (const source of this.#sources.values())
      if (source.sessions === 0 && this.#filled(source, now) === this.#full) this.#sources.delete(source.client);
  }

  #met(client: string, now: Instant): Source {
    // Addresses are cheap where there are many (IPv6): what is remembered of those that left is bounded, oldest first.
    for (const known of this.#sources.values()) {
      if (this.#sources.size - this.#sessions < MOST_REMEMBERED) break;
      if (known.sessions === 0) this.#sources.delete(known.client);
    }
    const source = { client, sessions: 0, ports: 0, commands: this.#full, filled: now };
    this.#sources.set(client, source);
    return source;
  }

  get #perMillisecond(): number {
    return this.#perMinute / MINUTE;
  }

  get #full(): number {
    return this.#perMinute * BURST;
  }

  #filled({ commands, filled }: Source, now: Instant): number {
    return Math.min(this.#full, commands + (now - filled) * this.#perMillisecond);
  }
}
