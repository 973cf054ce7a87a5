import { createServer, Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { type Duration, HOUR } from "../../core/kernel/instant.ts";
import type { ServeHttps } from "../../wire/jobs.ts";
import { beginListening, type ListenAt, listeningOn } from "../begin-listening.ts";
import type { Carried, Listening, Serving } from "../protocol.ts";
import { clientName } from "./client-name.ts";
import { Handshakes } from "./handshakes.ts";
import type { ShownIdentity } from "./shown-identity.ts";

/** How long ticket keys are used: what was recorded is safe from whoever gets at later ones. */
const TICKET_LIFE: Duration = HOUR;

export interface TlsOptions {
  readonly identity: ShownIdentity;
  readonly clients: ServeHttps["clients"];
  /** What is spoken inside, best first, as ALPN names it. A client that offers other names alone is refused. */
  readonly protocols: readonly string[];
  /** Called with each connection whose handshake is done, and what was agreed on to be spoken (`null`: nothing said). */
  readonly take: (carried: Carried, protocol: string | null) => void;
  /** Ends the connections that were taken, when `closed` does, or later by force. */
  readonly finish: (closed: Promise<void>) => Promise<void>;
}

/**
 * Listens, and hands on what has come through its handshake. One too many of a client is dropped before a byte of it is
 * read: the ceilings hold before the handshake, which is what costs. Rejects with `Failure` `listen.failed`.
 */
export async function listenTls(
  serving: Serving,
  { identity, clients, protocols, take, finish }: TlsOptions,
  at: ListenAt,
): Promise<Listening> {
  const { limits, elapsed } = serving;
  const handshakes = new Handshakes(limits.handshakesPerMinute);
  const shaking = new Set<Socket>();
  const tls = tlsServer(identity, clients, protocols, limits.headerTimeout);
  const server = createServer({ noDelay: true });
  server.on("connection", (wire: Socket) => {
    const address = wire.remoteAddress ?? "";
    const release = handshakes.begin(address, elapsed()) ? serving.connections.admit(address) : null;
    if (release === null) {
      wire.destroy();
      return;
    }
    shaking.add(wire);
    wire.once("close", () => {
      shaking.delete(wire);
      release();
    });
    tls.emit("connection", wire);
  });
  tls.on("secureConnection", (socket) => {
    const wire = wireOf(socket);
    shaking.delete(wire);
    socket.on("error", () => undefined);
    const client = clientName(socket);
    // One that is shown and that no authority of ours vouches for is not taken for none.
    if (clients === "optional" && client !== null && !socket.authorized) socket.destroy();
    else take({ socket, wire, client }, socket.alpnProtocol === false ? null : socket.alpnProtocol);
  });
  // node:tls tells of a handshake that failed or took too long, and leaves the connection open.
  tls.on("tlsClientError", (_error, socket) => socket.destroy());
  const renew = (): void => tls.setSecureContext(identity.contextOptions());
  identity.onShow(renew);
  const renewing = setInterval(renew, TICKET_LIFE);
  renewing.unref();
  await beginListening(server, at, `https ${at.host}:${at.port}`, serving.gate.on(at.host));
  return listeningOn(server, (closed) => {
    clearInterval(renewing);
    for (const wire of shaking) wire.destroy();
    return finish(closed);
  });
}

function tlsServer(
  identity: ShownIdentity,
  clients: ServeHttps["clients"],
  protocols: readonly string[],
  patience: Duration,
): TlsServer {
  return createTlsServer({
    ...identity.contextOptions(),
    ALPNProtocols: [...protocols],
    SNICallback: identity.checkName,
    // A handshake that is begun and not gone on with holds a connection no longer than a head would.
    handshakeTimeout: patience,
    requestCert: clients !== "none",
    rejectUnauthorized: clients === "required",
    sessionTimeout: TICKET_LIFE / 1_000,
    // As without TLS: a client may have said its last and still be answered.
    allowHalfOpen: true,
  });
}

/** The connection that a TLS socket was put around: node:tls keeps it, and has no public name for it. */
function wireOf(socket: TLSSocket): Socket {
  const wire: unknown = Reflect.get(socket, "_parent");
  if (!(wire instanceof Socket)) throw new Error("a TLS socket that is around nothing");
  return wire;
}
