import { ipv6Network } from "../core/kernel/address-network.ts";

/** How many connections there may be, from all clients and from one. */
export class Connections {
  readonly #most: number;
  readonly #mostPerClient: number;
  readonly #counts = new Map<string, number>();
  #all = 0;

  constructor(most: number, mostPerClient: number) {
    this.#most = most;
    this.#mostPerClient = mostPerClient;
  }

  /** Counts a new connection from an address; `null` when it is one too many, else what to call when it ends. */
  admit(address: string): (() => void) | null {
    const client = clientOf(address);
    const count = this.#counts.get(client) ?? 0;
    if (this.#all >= this.#most || count >= this.#mostPerClient) return null;
    this.#counts.set(client, count + 1);
    this.#all += 1;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#all -= 1;
      const left = (this.#counts.get(client) ?? 1) - 1;
      if (left === 0) this.#counts.delete(client);
      else this.#counts.set(client, left);
    };
  }
}

/** An IPv4 address also where the socket speaks IPv6: "::ffff:10.0.0.1" is "10.0.0.1". */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** Who is counted as one: an IPv4 address; of IPv6 the /64, for a machine may take any number of addresses in its own. */
export function clientOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(":")) return plain;
  return ipv6Network(plain);
}
