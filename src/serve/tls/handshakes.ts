import { type Instant, MINUTE } from "../../core/kernel/instant.ts";
import { clientOf } from "../connections.ts";
import { Recent } from "../recent.ts";

/** Clients that are remembered; whoever has more addresses than this is not held by a count of them. */
const MOST_REMEMBERED = 4_096;
/** The share of a minute's handshakes that may come at once. */
const BURST = 1 / 6;

/**
 * Handshakes that one client may still begin. Each costs us a signature and a key exchange, some milliseconds of the
 * processor, and the client no more than some bytes: one that begins them without end would keep the others waiting.
 */
export class Handshakes {
  readonly #perMinute: number;
  readonly #left = new Recent<string, { readonly left: number; readonly at: Instant }>(MOST_REMEMBERED);

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Takes one from what an address may begin; `false` when nothing is left. `now` never goes back. */
  begin(address: string, now: Instant): boolean {
    const client = clientOf(address);
    const most = this.#perMinute * BURST;
    const known = this.#left.get(client);
    const left =
      known === undefined ? most : Math.min(most, known.left + ((now - known.at) * this.#perMinute) / MINUTE);
    this.#left.put(client, { left: left < 1 ? left : left - 1, at: now });
    return left >= 1;
  }
}
