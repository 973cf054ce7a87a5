import { isIP, type Socket } from "node:net";
import { connect, createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { Failure } from "../../../core/kernel/errors.ts";
import { connectFailure, connectOptions, type Destination, errorCode, opened } from "../../dial.ts";
import { UpstreamSocket } from "../../upstream-socket.ts";

/** A connection that broke while the handshake ran, and not because of what was said in it. */
const LINE_BROKE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "ERR_ACCESS_DENIED",
]);

// Reading the machine's store and building a context costs a tenth of a second, and the lanes of a process serve the same
// few sources: once per set of authorities.
const contexts = new Map<string, SecureContext>();
const MOST_CONTEXTS = 16;

/**
 * The certificates trusted for https: those of the machine, which its administrator keeps, and the source's own. Throws
 * `upstream.tls` when one of `authorities` is no certificate.
 */
export function trusting(authorities: readonly string[]): SecureContext {
  const key = authorities.join("\n");
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const system = getCACertificates("system");
  try {
    const roots = system.length > 0 ? system : getCACertificates("bundled");
    const context = createSecureContext({ ca: [...roots, ...authorities] });
    const [oldest] = contexts.keys();
    if (contexts.size >= MOST_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
    contexts.set(key, context);
    return context;
  } catch (cause) {
    throw new Failure("upstream.tls", `an authority of the source is no certificate (${errorCode(cause)})`, { cause });
  }
}

/** TLS straight to the destination. Throws `upstream.tls`, `upstream.unreachable`, `upstream.name-unknown`. */
export async function dialSecure(
  to: Destination,
  context: SecureContext,
  signal: AbortSignal,
): Promise<UpstreamSocket> {
  const options = await connectOptions(to);
  signal.throwIfAborted();
  const socket = UpstreamSocket.secure(connect({ ...options, ...identity(to.host), secureContext: context }));
  return await opened(socket, "secureConnect", signal, (cause) => handshakeFailure(cause, to.host));
}

/** TLS inside a tunnel that a proxy has opened. */
export async function secureTunnel(
  tunnel: Socket,
  host: string,
  context: SecureContext,
  signal: AbortSignal,
): Promise<UpstreamSocket> {
  const socket = UpstreamSocket.secure(connect({ socket: tunnel, ...identity(host), secureContext: context }));
  return await opened(socket, "secureConnect", signal, (cause) => handshakeFailure(cause, host));
}

// The name that the certificate must carry. An address cannot be sent as server name (RFC 6066 section 3).
function identity(host: string): { readonly servername: string; readonly ALPNProtocols: string[] } {
  return { servername: isIP(host) === 0 ? host : "", ALPNProtocols: ["http/1.1"] };
}

function handshakeFailure(cause: unknown, host: string): Failure {
  const code = errorCode(cause);
  if (LINE_BROKE.has(code)) return connectFailure(cause, host);
  return new Failure("upstream.tls", `${host}: ${code}`, { cause });
}
