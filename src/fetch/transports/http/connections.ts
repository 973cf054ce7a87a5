import type { LookupAddress } from "node:dns";
import { Failure } from "../../../core/kernel/errors.ts";
import type { FetchJob } from "../../../wire/jobs.ts";
import { dial } from "../../dial.ts";
import type { UpstreamSocket } from "../../upstream-socket.ts";
import { whenAborted, within } from "../../within.ts";
import type { Hop } from "./redirect.ts";
import { connectHead } from "./request.ts";
import { HeadReader } from "./response-head.ts";
import { dialSecure, secureTunnel, trusting } from "./secure.ts";

/** Kept for the next job of the lane: the source's own origin, and where its redirects lead. */
const MOST_KEPT = 4;
/** Idle longer than this, a connection is closed before the server does so under our hands. */
const IDLE_MS = 15_000;

type Network = FetchJob["network"];

/** A connection for one request; `reused` when it carried another before. */
export interface Taken {
  readonly socket: UpstreamSocket;
  readonly key: string;
  readonly reused: boolean;
}

/** Opens connections for one lane, and keeps those that may carry another request. */
export class Connections {
  readonly #userAgent: string;
  readonly #kept = new Map<string, { readonly socket: UpstreamSocket; readonly idle: NodeJS.Timeout }>();

  constructor(userAgent: string) {
    this.#userAgent = userAgent;
  }

  /** Takes a kept connection or opens one; `fresh` never takes a kept one. Throws `Failure`. */
  async take(hop: Hop, network: Network, most: number, fresh: boolean, signal: AbortSignal): Promise<Taken> {
    const key = keyOf(hop, network);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      clearTimeout(kept.idle);
      this.#kept.delete(key);
      if (!fresh && kept.socket.usable) return { socket: kept.socket, key, reused: true };
      kept.socket.destroy();
    }
    const stop = new AbortController();
    try {
      const late = (): Failure =>
        new Failure("upstream.unreachable", `${hop.to.host}: no connection after ${most} ms`, { retry: "later" });
      const opening = this.#open(hop, network, AbortSignal.any([signal, stop.signal]));
      // Opened after all, when nobody waits any more.
      opening.then((socket) => stop.signal.aborted && socket.destroy()).catch(() => {});
      return { socket: await within(opening, most, late, signal), key, reused: false };
    } catch (cause) {
      stop.abort(cause);
      throw cause;
    }
  }

  keep({ socket, key }: Taken): void {
    const drop = (): void => this.#drop(key);
    const idle = setTimeout(drop, IDLE_MS);
    idle.unref();
    this.#drop(key);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MOST_KEPT && oldest !== undefined) this.#drop(oldest);
    this.#kept.set(key, { socket, idle });
    // Nothing may come while nothing is asked: what does was meant to be taken for the next answer.
    socket.receive({ data: drop, end: drop, broken: drop });
  }

  close(): void {
    for (const key of this.#kept.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    clearTimeout(kept.idle);
    kept.socket.destroy();
    this.#kept.delete(key);
  }

  async #open(hop: Hop, network: Network, signal: AbortSignal): Promise<UpstreamSocket> {
    const secure = hop.url.protocol === "https:" ? trusting(network.authorities) : null;
    if (network.proxy === null) return secure === null ? dial(hop.to, signal) : dialSecure(hop.to, secure, signal);
    const line = await this.#dialProxy(network.proxy, signal);
    if (secure === null) return line;
    try {
      await this.#openTunnel(line, `${hop.url.hostname}:${hop.to.port}`, network.proxy.login, signal);
      return await secureTunnel(line.raw, hop.to.host, secure, signal);
    } catch (cause) {
      line.destroy();
      throw cause;
    }
  }

  async #dialProxy(proxy: NonNullable<Network["proxy"]>, signal: AbortSignal): Promise<UpstreamSocket> {
    try {
      const host = proxy.host.replace(/^\[|\]$/g, "");
      return await dial({ host, port: proxy.port, addresses: null }, signal);
    } catch (cause) {
      if (signal.aborted || !(cause instanceof Failure)) throw cause;
      throw new Failure("upstream.proxy", cause.message, { cause, retry: cause.retry });
    }
  }

  async #openTunnel(
    line: UpstreamSocket,
    authority: string,
    login: NonNullable<Network["proxy"]>["login"],
    signal: AbortSignal,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const broke = (cause: unknown): void => reject(proxyFailure("the proxy broke the connection", "later", cause));
    const reader = new HeadReader();
    line.receive({
      data: (piece) => {
        try {
          const read = reader.push(piece);
          if (read === null) return;
          const { status } = read.head;
          if (status < 200 || status > 299) {
            reject(proxyFailure(`the proxy answered CONNECT with ${status}`, status >= 500 ? "later" : "never"));
          } else if (read.rest.length > 0) {
            // The server of a TLS connection never speaks first: these bytes are the proxy's own.
            reject(proxyFailure("the proxy sent bytes of its own into the tunnel", "never"));
          } else resolve();
        } catch (cause) {
          reject(proxyFailure("the proxy's answer broke its protocol", "never", cause));
        }
      },
      end: () => broke(undefined),
      broken: broke,
    });
    whenAborted(signal, reject);
    line.send(connectHead(authority, this.#userAgent, login));
    await promise;
  }
}

function proxyFailure(detail: string, retry: "never" | "later", cause?: unknown): Failure {
  return new Failure("upstream.proxy", detail, { retry, cause });
}

/** Requests may share a connection only when it was reached, trusted and judged the same way. */
function keyOf(hop: Hop, network: Network): string {
  const addresses = (hop.judged ? (hop.to.addresses ?? []) : [])
    .map(({ address }: LookupAddress) => address)
    .toSorted();
  const authorities = hop.url.protocol === "https:" ? network.authorities : [];
  return JSON.stringify([hop.url.origin, network.proxy, authorities, hop.judged, addresses]);
}
