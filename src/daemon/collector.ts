import { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { Events } from "../core/ports.ts";

export interface CollectorParts {
  readonly sources: () => Promise<readonly SourceSpec[]>;
  /** Collects of these sources, when nothing else is going. */
  readonly collect: (only: readonly string[], signal: AbortSignal) => Promise<unknown>;
  readonly every: Duration;
  readonly events: Events;
  readonly onBug: (error: unknown) => void;
}

/** Collects by itself, of the sources whose settings say so and of no other. Without such a source it does nothing. */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #going: Promise<void> = Promise.resolve();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** The first collection is one interval away: a start has better things to do, and a crash loop removes nothing. */
  start(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.#going = this.#collect()
          .catch(this.#parts.onBug)
          .finally(() => this.start());
      },
      Math.min(this.#parts.every, 2 ** 31 - 1),
    ).unref();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#going;
  }

  async #collect(): Promise<void> {
    const { sources, collect, events } = this.#parts;
    try {
      const only = (await sources()).filter(({ retention }) => retention.automatic).map(({ name }) => name);
      if (only.length > 0) await collect(only, this.#stop.signal);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // The next one goes on; a stop is no trouble.
      if (error.code !== "daemon.stopping")
        events.emit("store.collection-failed", { code: error.code, detail: error.message });
    }
  }
}
