import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContext, type Server, TLSSocket } from "node:tls";
import { Failure } from "../../../core/kernel/errors.ts";
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
  readonly memory: Server;
}

/** TLS sessions remembered for one control connection; each full handshake under it makes one. */
const MOST_REMEMBERED = 4;

/** Commands that a handshake which resumes nothing costs: some milliseconds of the processor, for a few bytes. */
export const HANDSHAKE_COST = 20;

/** The name of FTP in ALPN: a client that means to speak HTTP is refused in the handshake (CVE-2021-3618). */
const ALPN = ["ftp"];

/** Throws `Failure` `config.invalid` when AUTH could not be answered with these. */
export function checkIdentity({ certificate, key }: TlsIdentity): void {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (cause) {
    throw new Failure("config.invalid", "ftp: this certificate and this key are no pair for TLS", { cause });
  }
}

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
  const memory = rememberSessions();
  const secured = await handshake(socket, context, memory, wait);
  return secured === null ? null : { socket: secured, context, memory };
}

/**
 * What keeps the sessions of clients that resume without tickets: curl does so up to TLS 1.2 (RFC 5246 section 7.3).
 * Node asks a server for them; this one has its events and never listens.
 */
function rememberSessions(): Server {
  const remembered = new Map<string, Buffer>();
  const memory = createServer();
  memory.on("newSession", (id: Buffer, data: Buffer, done: () => void) => {
    // The first is the control connection's own, and stays: whoever gets at a data port must not push it out.
    if (remembered.size < MOST_REMEMBERED) remembered.set(id.toString("hex"), data);
    done();
  });
  memory.on("resumeSession", (id: Buffer, done: (error: Error | null, data: Buffer | null) => void) => {
    done(null, remembered.get(id.toString("hex")) ?? null);
  });
  return memory;
}

/**
 * A data connection under TLS; `null` when the handshake fails, or when `bound` and it does not resume the session of
 * the control connection: somebody else got there first (RFC 4217 section 10.2, CVE-2026-119568).
 */
export async function secureData(
  socket: Socket,
  { context, memory }: SessionTls,
  bound: boolean,
  wait: Duration,
): Promise<TLSSocket | null> {
  const secured = await handshake(socket, context, memory, wait);
  if (secured === null || !bound || secured.isSessionReused()) return secured;
  secured.destroy();
  return null;
}

async function handshake(
  socket: Socket,
  secureContext: SecureContext,
  server: Server,
  wait: Duration,
): Promise<TLSSocket | null> {
  const secured = new TLSSocket(socket, { isServer: true, server, secureContext, ALPNProtocols: ALPN });
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
