import type { Instant } from "../../../core/kernel/instant.ts";
import { MINUTE } from "../../../core/kernel/instant.ts";
import { clientOf } from "../../connections.ts";

/** What one client address (of IPv6 a /64) holds and has done, while it has a session. */
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

/** Who is connected, within the ceilings on sessions. */
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

  /** Counts a new session, or says what is full. */
  admit(address: string, now: Instant): Source | "full" | "yours-full" {
    const client = clientOf(address);
    const known = this.#sources.get(client);
    if ((known?.sessions ?? 0) >= this.#mostOfOne) return "yours-full";
    if (this.#sessions >= this.#most) return "full";
    const source = known ?? { client, sessions: 0, ports: 0, commands: this.#perMinute * BURST, filled: now };
    this.#sources.set(client, source);
    source.sessions += 1;
    this.#sessions += 1;
    return source;
  }

  /** A session has ended; called once for each that was admitted. */
  leave(source: Source): void {
    this.#sessions -= 1;
    source.sessions -= 1;
    if (source.sessions === 0) this.#sources.delete(source.client);
  }

  /**
   * Takes one command from what the client may send, and gives the milliseconds that it has to wait for it. It is made
   * to wait, not refused: a mirror run of ten thousand files is only slower, a flood costs the flooder.
   */
  pause(source: Source, now: Instant): number {
    const perMillisecond = this.#perMinute / MINUTE;
    const filled = source.commands + (now - source.filled) * perMillisecond;
    source.commands = Math.min(filled, this.#perMinute * BURST) - 1;
    source.filled = now;
    return source.commands >= 0 ? 0 : Math.ceil(-source.commands / perMillisecond);
  }
}
