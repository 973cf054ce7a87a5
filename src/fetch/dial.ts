import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, isIP, type LookupFunction } from "node:net";
import { Failure } from "../core/kernel/errors.ts";
import { UpstreamSocket } from "./upstream-socket.ts";

/** A host and port, with the addresses to use where they have been looked up and judged already. */
export interface Destination {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /**
   * Only these are connected to. A second look-up after the check could answer otherwise (DNS rebinding): what was
   * judged is what is dialled.
   */
  readonly addresses: readonly LookupAddress[] | null;
}

/** Every address of a host. Throws `upstream.name-unknown`. */
export async function addressesOf(host: string): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await lookup(host, { all: true });
  } catch (cause) {
    throw connectFailure(cause, host);
  }
}

/** The options that make `net.connect` and `tls.connect` dial the given addresses and no others. */
export async function connectOptions(
  to: Destination,
): Promise<{ readonly host: string; readonly port: number; readonly lookup: LookupFunction }> {
  const addresses = to.addresses ?? (await addressesOf(to.host));
  const given: LookupFunction = (_host, options, callback) => {
    const [first] = addresses;
    if (first === undefined) callback(Object.assign(new Error("no address"), { code: "ENOTFOUND" }), "");
    else if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
  // An address as host would be dialled without asking `lookup`; it is then the one that was judged.
  return { host: isIP(to.host) === 0 ? to.host : (addresses[0]?.address ?? to.host), port: to.port, lookup: given };
}

/** A plain TCP connection, ready to use. */
export async function dial(to: Destination, signal: AbortSignal): Promise<UpstreamSocket> {
  const options = await connectOptions(to);
  signal.throwIfAborted();
  const socket = UpstreamSocket.plain((onread) => connect({ ...options, onread }));
  return await opened(socket, "connect", signal, (cause) => connectFailure(cause, to.host));
}

/** Waits until `socket` says `ready`. When it fails or `signal` aborts, it is destroyed. */
export async function opened(
  socket: UpstreamSocket,
  ready: "connect" | "secureConnect",
  signal: AbortSignal,
  failure: (cause: unknown) => Failure,
): Promise<UpstreamSocket> {
  try {
    await once(socket.raw, ready, { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw failure(cause);
  }
}

/** What a failed look-up or connect means. */
export function connectFailure(cause: unknown, host: string): Failure {
  const code = errorCode(cause);
  if (code === "ENOTFOUND" || code === "ENODATA") {
    return new Failure("upstream.name-unknown", `${host} does not resolve`, { cause });
  }
  if (code === "EAI_AGAIN" || code === "EAI_FAIL") {
    return new Failure("upstream.name-unknown", `${host} does not resolve now`, { cause, retry: "later" });
  }
  // A worker for file addresses has no network at all: asking again would not help.
  const retry = code === "ERR_ACCESS_DENIED" ? "never" : "later";
  return new Failure("upstream.unreachable", `${host}: ${code}`, { cause, retry });
}

/** The system's code for an error, "unknown" where there is none. */
export function errorCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
}
