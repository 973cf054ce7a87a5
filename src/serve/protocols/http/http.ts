import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { beginListening, type ListenAt } from "../../begin-listening.ts";
import type { Listening, Protocol, Serving } from "../../protocol.ts";
import { HttpConnection } from "./http-connection.ts";

/** HTTP/1.1 on node:http, read-only. */
export const http: Protocol = { listen };

async function listen(serving: Serving, at: ListenAt): Promise<Listening> {
  const { limits } = serving;
  const open = new Map<Duplex, HttpConnection>();
  const server = createServer({
    headersTimeout: limits.headerTimeout,
    requestTimeout: Math.max(limits.requestTimeout, limits.headerTimeout),
    connectionsCheckingInterval: limits.checkingInterval,
    keepAliveTimeout: limits.keepAlive,
    maxHeaderSize: limits.headerBytes,
    // What two readers of one request could read differently is refused, never repaired.
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  });
  server.maxConnections = limits.connections;
  server.prependListener("connection", (socket: Socket) => admit(socket, serving, open));
  server.on("request", (request, response) => open.get(request.socket)?.accept(request, response));
  // Without these listeners node:http would say "100 Continue" to a body that nobody reads.
  server.on("checkContinue", (request, response) => open.get(request.socket)?.accept(request, response));
  server.on("connect", (_request, socket: Duplex) => refuse(socket, open.get(socket), 405));
  server.on("clientError", (error, socket) => refuse(socket, open.get(socket), statusOf(error)));
  const looking = setInterval(() => {
    for (const connection of open.values()) connection.look(serving.elapsed());
  }, limits.checkingInterval);
  looking.unref();
  await beginListening(server, at, `${at.host}:${at.port}`, serving.gate.on(at.host));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server without an address");
  return { address: address.address, port: address.port, stop: () => stop(server, open, limits.stopGrace, looking) };
}

/** One too many is dropped before a byte of it is read. */
function admit(socket: Socket, serving: Serving, open: Map<Duplex, HttpConnection>): void {
  const release = serving.connections.admit(socket.remoteAddress ?? "");
  if (release === null) {
    socket.destroy();
    return;
  }
  open.set(socket, new HttpConnection(socket, serving));
  socket.once("close", () => {
    open.delete(socket);
    release();
  });
}

const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

function statusOf(error: Error): number {
  return ("code" in error ? STATUSES[String(error.code)] : undefined) ?? 400;
}

/** Ends a connection whose next request cannot be read; says why where no answer is under way. */
function refuse(socket: Duplex, connection: HttpConnection | undefined, status: number): void {
  if (connection === undefined || connection.busy || !socket.writable) {
    socket.destroy();
    return;
  }
  connection.refused(status);
  const allow = status === 405 ? "Allow: GET, HEAD\r\n" : "";
  socket.end(`HTTP/1.1 ${status} Refused\r\n${allow}Content-Length: 0\r\nConnection: close\r\n\r\n`, () =>
    socket.destroy(),
  );
}

async function stop(
  server: Server,
  open: ReadonlyMap<Duplex, HttpConnection>,
  grace: number,
  looking: NodeJS.Timeout,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of open.values()) connection.finish();
  const timer = setTimeout(() => {
    for (const socket of open.keys()) socket.destroy();
  }, grace);
  await closed;
  clearTimeout(timer);
  clearInterval(looking);
}
