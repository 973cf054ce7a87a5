import type { Instant } from "../core/kernel/instant.ts";
import { type Counted, LeaseTable, type SessionLimits } from "./leases.ts";

/** Characters of a User-Agent that tell clients behind one address apart. */
const MOST_AGENT = 200;

/** A connection's own hold on a view. */
interface Pin<V> {
  readonly view: V;
  readonly since: Instant;
}

/** One connection, from its first request to its end. */
export interface Session<V> {
  /** A request begins: the view that it sees. `agent` is what the client calls itself. */
  begin(agent: string, now: Instant): V;
  /** It has been answered; called once for each `begin`. */
  end(now: Instant): void;
  /** The connection is gone, with whatever request was under way. */
  close(now: Instant): void;
}

/**
 * No client sees two revisions mixed: an index of one and the files of the other would fail it, or worse, fit. A
 * connection stays on the view of its first request; and since clients open new connections in the middle of a run,
 * so does everything that the same program at the same address asks for soon after.
 */
export class Sessions<V extends Counted> {
  readonly #limits: SessionLimits;
  readonly #leases: LeaseTable<V>;
  readonly #current: () => V;
  readonly #isCache: (address: string) => boolean;

  constructor(limits: SessionLimits, current: () => V, isCache: (address: string) => boolean = () => false) {
    this.#limits = limits;
    this.#leases = new LeaseTable(limits);
    this.#current = current;
    this.#isCache = isCache;
  }

  open(address: string): Session<V> {
    return this.#isCache(address) ? this.#openForMany() : this.#openForOne(address);
  }

  /**
   * A cache asks for many clients over one connection, and gives one's answer to another: to hold it on a revision would
   * keep the others from the present one, and no client from a mixture. Each request sees what is shown.
   */
  #openForMany(): Session<V> {
    let view: V | null = null;
    const end = (): void => {
      view?.release();
      view = null;
    };
    const begin = (): V => {
      end();
      view = this.#current();
      view.retain();
      return view;
    };
    return { begin, end, close: end };
  }

  #openForOne(address: string): Session<V> {
    let pin: Pin<V> | null = null;
    let client: string | null = null;
    // A connection's requests come from one program nearly always.
    let named = { agent: "", client: `${address} ` };
    const end = (now: Instant): void => {
      if (client !== null) this.#leases.end(client, now);
      client = null;
    };
    return {
      begin: (agent, now) => {
        end(now);
        if (agent !== named.agent) named = { agent, client: `${address} ${agent.slice(0, MOST_AGENT)}` };
        ({ client } = named);
        const leased = this.#leases.begin(client, now, this.#current());
        if (pin !== null && now - pin.since <= this.#limits.most) return pin.view;
        leased.retain();
        pin?.view.release();
        pin = { view: leased, since: now };
        return leased;
      },
      end,
      close: (now) => {
        end(now);
        pin?.view.release();
        pin = null;
      },
    };
  }

  sweep(now: Instant): void {
    this.#leases.sweep(now);
  }

  clear(): void {
    this.#leases.clear();
  }
}
