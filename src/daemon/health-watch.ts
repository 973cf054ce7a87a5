import { Failure } from "../core/kernel/errors.ts";
import { type Duration, MINUTE } from "../core/kernel/instant.ts";
import type { ChannelDoors } from "../operations/sync-run.ts";
import { type HealthSeen, lookAtHealth } from "../operations/watch-health.ts";

const LOOK_EVERY: Duration = MINUTE;
/** A look takes at most one part in so many of the keeper's time: on a large house they come less often. */
const SHARE = 20;

/** Looks at the health of what rings show, again and again, so that somebody is told when nobody asks. */
export class HealthWatch {
  readonly #doors: ChannelDoors;
  readonly #onBug: (error: unknown) => void;
  #seen: HealthSeen = new Map();
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(doors: ChannelDoors, onBug: (error: unknown) => void) {
    this.#doors = doors;
    this.#onBug = onBug;
  }

  /** As of the last look. */
  get seen(): HealthSeen {
    return this.#seen;
  }

  start(): void {
    this.#wait(LOOK_EVERY);
  }

  /** Resolves when nothing of it uses the ledger any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  #wait(length: Duration): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().catch(this.#onBug);
    }, length).unref();
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      this.#seen = await lookAtHealth(this.#doors, this.#seen);
    } catch (error) {
      // The world's trouble is said where it is in the way; the next look tries again.
      if (!(error instanceof Failure)) throw error;
    } finally {
      this.#wait(Math.max(LOOK_EVERY, (performance.now() - began) * SHARE));
    }
  }
}
