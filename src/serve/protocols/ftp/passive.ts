import { createServer, type Server, type Socket } from "node:net";
import { Failure } from "../../../core/kernel/errors.ts";
import type { Duration } from "../../../core/kernel/instant.ts";
import { beginListening, type ListenAt } from "../../begin-listening.ts";
import { plainAddress } from "../../connections.ts";
import type { Ends } from "../../gate.ts";
import type { Source } from "./sources.ts";

/** Where one data connection will come from. */
export interface DataPort {
  /** The connection, or `null` when none came in time or the port was given up. Asked for once. */
  connected(): Promise<Socket | null>;
  /** Gives it up, with the connection where one came and nobody asked for it. */
  close(): void;
}

interface PassivePort extends DataPort {
  readonly port: number;
}

/** The ports that PASV and EPSV hand out. */
export interface PassiveListeners {
  /** A port that takes one connection from `peer`, or `null` when none is free or the client holds its share. */
  open(peer: string, source: Source): PassivePort | null;
  stop(): void;
}

export interface PassiveLimits {
  /** Ports that one client may wait on at once. */
  readonly portsPerClient: number;
  /** How long a port waits for its connection. */
  readonly dataWait: Duration;
}

interface Listener {
  readonly server: Server;
  readonly port: number;
  /** Who waits for a connection on it; whatever comes while nobody does is dropped as it comes. */
  holder: Holder | null;
}

interface Holder {
  readonly peer: string;
  readonly came: (socket: Socket) => void;
}

/**
 * Hands out listeners that are open already. The process opens them, or is given them, before it gives up the right to
 * open any. A port is chosen by a die, takes one connection, from the control connection's peer and from nobody else,
 * and is back in the pool at once: what a thief of data connections would need is gone before he can know of it
 * (CVE-1999-0351, and later in every other server). An idle one drops what comes, so that nobody can lie in wait in
 * its queue. `pick` gives a whole number below its argument that nobody can foresee.
 */
export function passivePool(
  servers: readonly Server[],
  limits: PassiveLimits,
  pick: (below: number) => number,
): PassiveListeners {
  const free = servers.map((server) => listenerOf(server));
  for (const listener of free) listener.server.on("connection", (socket: Socket) => arrived(listener, socket));

  const open = (peer: string, source: Source): PassivePort | null => {
    if (free.length === 0 || source.ports >= limits.portsPerClient) return null;
    const [listener] = free.splice(pick(free.length), 1);
    if (listener === undefined) return null;
    source.ports += 1;
    return held(listener, peer, limits.dataWait, () => {
      listener.holder = null;
      source.ports -= 1;
      free.push(listener);
    });
  };
  return {
    open,
    stop: () => {
      for (const server of servers) server.close();
    },
  };
}

function listenerOf(server: Server): Listener {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a passive listener without an address");
  return { server, port: address.port, holder: null };
}

function arrived({ holder }: Listener, socket: Socket): void {
  socket.on("error", () => undefined);
  if (holder === null || plainAddress(socket.remoteAddress ?? "") !== holder.peer) socket.destroy();
  else holder.came(socket);
}

/** A listener that waits for `peer`; `release` is called once, when it waits no more. */
function held(listener: Listener, peer: string, wait: Duration, release: () => void): PassivePort {
  const { promise, resolve } = Promise.withResolvers<Socket | null>();
  let waiting = true;
  let unasked: Socket | null = null;
  const settle = (socket: Socket | null): void => {
    if (!waiting) return;
    waiting = false;
    clearTimeout(timer);
    release();
    unasked = socket;
    resolve(socket);
  };
  const timer = setTimeout(() => settle(null), wait);
  timer.unref();
  listener.holder = { peer, came: settle };
  return {
    port: listener.port,
    connected: async () => {
      const socket = await promise;
      if (unasked === null) return null;
      unasked = null;
      return socket === null || socket.destroyed ? null : socket;
    },
    close: () => {
      settle(null);
      unasked?.destroy();
      unasked = null;
    },
  };
}

/** Where passive ports come from: those that were handed over, or else a range; 0 for both: any that the system has. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
  readonly fds: readonly number[];
}

/**
 * Adopts the listeners that it was handed, or opens up to `count`, on ports of the range in an order that `pick`
 * chooses; those that other programs hold are passed over. Empty when there was none to have.
 */
export async function openListeners(
  host: string,
  range: PortRange,
  count: number,
  pick: (below: number) => number,
  admits: (ends: Ends) => boolean,
): Promise<readonly Server[]> {
  const handed = await Promise.all(range.fds.map((fd) => listening({ host, port: 0, fd }, admits)));
  if (handed.length > 0) return handed.filter((server) => server !== null);
  const ports =
    range.from === 0
      ? Array.from({ length: count }, () => 0)
      : Array.from({ length: range.to - range.from + 1 }, (_, offset) => range.from + offset);
  const servers: Server[] = [];
  while (servers.length < count && ports.length > 0) {
    const [port = 0] = ports.splice(pick(ports.length), 1);
    const server = await listening({ host, port, fd: null }, admits);
    if (server !== null) servers.push(server);
  }
  return servers;
}

async function listening(at: ListenAt, admits: (ends: Ends) => boolean): Promise<Server | null> {
  // Paused: a byte that comes before the transfer is read by nobody, and cannot be lost to a TLS handshake.
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  try {
    await beginListening(server, at, `passive ${at.host}:${at.port}`, admits);
    return server;
  } catch (cause) {
    // Another program has the port; the next one of the range will do.
    if (cause instanceof Failure && cause.retry === "later") return null;
    throw cause;
  }
}
