import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContext, type Server, TLSSocket } from "node:tls";
import type { Duration } from "../../../core/kernel/instant.ts";
import type { ShownIdentity } from "../../tls/shown-identity.ts";

/** The TLS of one control connection, which those of its data connections have to come from. */
export interface SessionTls {
  readonly socket: TLSSocket;
  readonly context: SecureContext;
  readonly memory: Server;
  readonly checkName: ShownIdentity["checkName"];
}

/** TLS sessions remembered for one control connection; each full handshake under it makes one. */
const MOST_REMEMBERED = 4;

/** Commands that a handshake which resumes nothing costs: some milliseconds of the processor, for a few bytes. */
export const HANDSHAKE_COST = 20;

/** The name of FTP in ALPN: a client that means to speak HTTP is refused in the handshake (CVE-2021-3618). */
const ALPN = ["ftp"];

/**
 * Goes on with a control connection under TLS (RFC 4217 section 4); `null` when the handshake fails or takes too long.
 * Every session has ticket keys of its own: what is resumed under them can come from this session alone, which is what
 * makes resumption a proof that both connections are one client's, also when the certificate is exchanged meanwhile.
 * `life`: how long tickets are taken.
 */
export async function secureControl(
  socket: Socket,
  identity: ShownIdentity,
  wait: Duration,
  life: Duration,
): Promise<SessionTls | null> {
  const { checkName } = identity;
  const context = createSecureContext({ ...identity.contextOptions(), sessionTimeout: Math.ceil(life / 1_000) });
  const session = { context, memory: rememberSessions(), checkName };
  const secured = await handshake(socket, session, wait);
  return secured === null ? null : { ...session, socket: secured };
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
  session: SessionTls,
  bound: boolean,
  wait: Duration,
): Promise<TLSSocket | null> {
  const secured = await handshake(socket, session, wait);
  if (secured === null || !bound || secured.isSessionReused()) return secured;
  secured.destroy();
  return null;
}

async function handshake(
  socket: Socket,
  { context, memory, checkName }: Omit<SessionTls, "socket">,
  wait: Duration,
): Promise<TLSSocket | null> {
  const secured = new TLSSocket(socket, {
    isServer: true,
    server: memory,
    secureContext: context,
    ALPNProtocols: ALPN,
    SNICallback: checkName,
  });
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
