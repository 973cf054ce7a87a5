import { BlockList, isIP } from "node:net";
import { type Instant, MINUTE } from "../core/kernel/instant.ts";
import { plainAddress } from "./connections.ts";

/** Both ends of a connection, as its socket tells them. */
export interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
}

export interface TurnedAway {
  /** Connections since this was last told. */
  readonly count: number;
  /** The last of them. */
  readonly from: string;
  readonly to: string;
}

/**
 * Who may speak to a channel at all. Linux answers for an address of the machine on every interface (the weak host
 * model), so that an address alone keeps nobody out who has a route to it. The first wall is the listener, which the
 * keeper binds to an interface; this one asks each connection where it arrived and whom it comes from.
 */
export class Gate {
  readonly #allow: (address: string) => boolean;
  readonly #elapsed: () => Instant;
  readonly #tell: (turnedAway: TurnedAway) => void;
  #untold = 0;
  #last: Ends = {};
  #toldAt: Instant | null = null;
  #due: NodeJS.Timeout | null = null;

  /** `allow`: networks of clients, none for every client. `tell` is called at once, and then at most once a minute. */
  constructor(allow: readonly string[], elapsed: () => Instant, tell: (turnedAway: TurnedAway) => void) {
    this.#allow = networks(allow);
    this.#elapsed = elapsed;
    this.#tell = tell;
  }

  /** What decides for one listener: on `host`, for those of the channel's clients that are in `narrower`. */
  on(host: string, narrower: readonly string[] = []): (ends: Ends) => boolean {
    const ours = arrivesAt(host);
    const welcome = networks(narrower);
    return (ends) => {
      const from = plainAddress(ends.remoteAddress ?? "");
      if (ours(plainAddress(ends.localAddress ?? "")) && this.#allow(from) && welcome(from)) return true;
      this.#turnedAway(ends);
      return false;
    };
  }

  #turnedAway(ends: Ends): void {
    this.#untold += 1;
    this.#last = ends;
    if (this.#due !== null) return;
    const wait = this.#toldAt === null ? 0 : this.#toldAt + MINUTE - this.#elapsed();
    if (wait <= 0) this.#say();
    else this.#due = setTimeout(() => this.#say(), wait).unref();
  }

  #say(): void {
    this.#due = null;
    this.#toldAt = this.#elapsed();
    const { remoteAddress = "::", localAddress = "::" } = this.#last;
    this.#tell({ count: this.#untold, from: plainAddress(remoteAddress), to: plainAddress(localAddress) });
    this.#untold = 0;
  }
}

/** Whether an address is of one of these networks; of none means that all are welcome. */
function networks(allow: readonly string[]): (address: string) => boolean {
  return allow.length === 0 ? () => true : within(allow);
}

/** Whether an address is of one of these networks. */
export function within(some: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of some) {
    const [address = "", bits] = network.split("/", 2);
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(address, Number(bits ?? (family === "ipv6" ? 128 : 32)), family);
  }
  return (address) => {
    const bare = address.split("%", 1)[0] ?? "";
    return isIP(bare) !== 0 && list.check(bare, isIP(bare) === 6 ? "ipv6" : "ipv4");
  };
}

/** A listener on every address of the machine has no address of its own to compare with. */
function arrivesAt(host: string): (address: string) => boolean {
  if (host === "0.0.0.0" || /^[0:]+$/.test(host)) return () => true;
  return networks(host === "localhost" ? ["127.0.0.1", "::1"] : [host]);
}
