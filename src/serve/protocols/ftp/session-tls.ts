import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Duration } from "../../../core/kernel/instant.ts";

/** What AUTH TLS shows. PEM, both. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** The TLS of one control connection, which those of its data connections have to come from. */
export interface SessionTls {
  readonly socket: TLSSocket;
  readonly context: SecureContext;
}

/** The name of FTP in ALPN: a client that means to speak HTTP is refused in the handshake (CVE-2021-3618). */
const ALPN = ["ftp"];

/**
 * Goes on with a control connection under TLS (RFC 4217 section 4); `null` when the handshake fails or takes too long.
 * Every session has ticket keys of its own: what is resumed under them can come from this session alone, which is what
 * makes resumption a proof that both connections are one client's. `life`: how long tickets are taken.
 */
export async function secureControl(
  socket: Socket,
  { certificate, key }: TlsIdentity,
  wait: Duration,
  life: Duration,
): Promise<SessionTls | null> {
  const context = createSecureContext({
    cert: certificate,
    key,
    minVersion: "TLSv1.2",
    ticketKeys: randomBytes(48),
    sessionTimeout: Math.ceil(life / 1_000),
  });
  const secured = await handshake(socket, context, wait);
  return secured === null ? null : { socket: secured, context };
}

/**
 * A data connection under TLS; `null` when the handshake fails, or when `bound` and it does not resume the session of
 * the control connection: somebody else got there first (RFC 4217 section 10.2, CVE-2026-119568).
 */
export async function secureData(
  socket: Socket,
  { context }: SessionTls,
  bound: boolean,
  wait: Duration,
): Promise<TLSSocket | null> {
  const secured = await handshake(socket, context, wait);
  if (secured === null || !bound || secured.isSessionReused()) return secured;
  secured.destroy();
  return null;
}

async function handshake(socket: Socket, secureContext: SecureContext, wait: Duration): Promise<TLSSocket | null> {
  const secured = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ALPN });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), wait);
  secured.once("secure", () => resolve(true));
  secured.on("error", () => resolve(false));
  secured.once("close", () => resolve(false));
  socket.once("close", () => resolve(false));
  const done = await promise;
  clearTimeout(timer);
  if (done) return secured;
  secured.destroy();
  socket.destroy();
  return null;
}
