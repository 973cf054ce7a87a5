import { Failure } from "../core/kernel/errors.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { SyncRecord } from "../core/ports.ts";
import { newRun, type Report, type SyncDoors } from "../operations/sync-run.ts";
import { syncSource } from "../operations/sync-source.ts";
import type { Turnstile } from "./turnstile.ts";

interface Going {
  readonly promise: Promise<SyncRecord>;
  readonly stop: AbortController;
}

/** The runs that go on now: one of a source at a time. */
export class Runs {
  readonly #doors: SyncDoors;
  readonly #turnstile: Turnstile;
  readonly #going = new Map<string, Going>();
  #stopping = false;

  constructor(doors: SyncDoors, turnstile: Turnstile) {
    this.#doors = doors;
    this.#turnstile = turnstile;
  }

  isGoing(source: string): boolean {
    return this.#going.has(source);
  }

  /** Starts a run; `source.busy` when one of this source still goes. */
  async start(spec: SourceSpec, by: string, report: Report): Promise<SyncRecord> {
    if (this.#stopping) throw new Failure("daemon.stopping", "the daemon is stopping", { retry: "later" });
    if (this.#going.has(spec.name))
      throw new Failure("source.busy", `a sync of ${spec.name} is still going`, { retry: "later" });
    const stop = new AbortController();
    const promise = this.#turnstile.shared(() =>
      syncSource(this.#doors, spec, by, newRun(this.#doors.clock.now(), stop.signal, report)),
    );
    this.#going.set(spec.name, { promise, stop });
    try {
      return await promise;
    } finally {
      this.#going.delete(spec.name);
    }
  }

  /** Ends every run; what was interrupted is kept to be resumed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { stop } of this.#going.values())
      stop.abort(new Failure("daemon.stopping", "the daemon is stopping", { retry: "later" }));
    await Promise.allSettled([...this.#going.values()].map(({ promise }) => promise));
  }
}
