import type { Duration, Instant } from "../core/kernel/instant.ts";

/** How long a client is held on the view that it began with. Milliseconds. */
export interface SessionLimits {
  /** After its last request. */
  readonly idle: Duration;
  /** After its first. */
  readonly most: Duration;
}

/** What a client holds: the view of its first request. Times are of a clock that never goes back. */
export interface Lease<V> {
  readonly view: V;
  readonly first: Instant;
  readonly last: Instant;
  /** Requests being answered: a client that waits for a long body is not idle. */
  readonly active: number;
}

/** Whether a request at `now` still sees the lease's view. */
export function leaseHolds(lease: Lease<unknown>, now: Instant, limits: SessionLimits): boolean {
  return now - lease.first <= limits.most && (lease.active > 0 || now - lease.last <= limits.idle);
}

/** A view that counts who uses it, so that its files are closed when the last one is gone. */
export interface Counted {
  retain(): void;
  release(): void;
}

/**
 * The leases of all clients, the one used longest ago first, at most `capacity`: beyond that the oldest goes, for a
 * stranger who invents client names must not take our memory.
 */
export class LeaseTable<V extends Counted> {
  readonly #limits: SessionLimits;
  readonly #capacity: number;
  readonly #leases = new Map<string, Lease<V>>();

  constructor(limits: SessionLimits, capacity = 65_536) {
    this.#limits = limits;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** A client's request begins: the view that it is to see, which is `current` when it holds no other. */
  begin(client: string, now: Instant, current: V): V {
    const held = this.#leases.get(client);
    const holds = held !== undefined && leaseHolds(held, now, this.#limits);
    const lease = holds
      ? { view: held.view, first: held.first, last: now, active: held.active + 1 }
      : { view: current, first: now, last: now, active: (held?.active ?? 0) + 1 };
    this.#put(client, lease);
    this.sweep(now);
    return lease.view;
  }

  /** The request has been answered, or its connection is gone. */
  end(client: string, now: Instant): void {
    const held = this.#leases.get(client);
    if (held === undefined) return;
    this.#put(client, { view: held.view, first: held.first, last: now, active: Math.max(0, held.active - 1) });
  }

  /** Forgets leases that hold no more: they would keep the files of old views open. */
  sweep(now: Instant): void {
    for (const [client, lease] of this.#leases) {
      if (this.#leases.size > this.#capacity) {
        this.#drop(client);
      } else if (now - lease.last <= this.#limits.idle) {
        return;
      } else if (lease.active === 0) {
        this.#drop(client);
      } else {
        // In use; out of the way, so that those behind it are seen. There are no more of these than connections.
        this.#put(client, { ...lease, last: now });
      }
    }
  }

  clear(): void {
    for (const client of this.#leases.keys()) this.#drop(client);
  }

  #put(client: string, lease: Lease<V>): void {
    lease.view.retain();
    this.#drop(client);
    this.#leases.set(client, lease);
  }

  #drop(client: string): void {
    const held = this.#leases.get(client);
    this.#leases.delete(client);
    held?.view.release();
  }
}
