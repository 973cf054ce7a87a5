import { createServer, type Socket } from "node:net";
import { beginListening, type ListenAt, listeningOn } from "../../begin-listening.ts";
import type { Carried, Listening, Protocol, Serving } from "../../protocol.ts";
import { HttpConnection } from "./http-connection.ts";
import { formatHttpDate } from "./http-date.ts";

/** Plain HTTP/1.1, read-only. */
export const http: Protocol = { listen };

async function listen(serving: Serving, at: ListenAt): Promise<Listening> {
  const engine = httpEngine(serving, null);
  // A client may end its half when it has asked, as `nc -N` does, and still be answered.
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  server.on("connection", (socket: Socket) => {
    // One too many is dropped before a byte of it is read.
    const release = serving.connections.admit(socket.remoteAddress ?? "");
    if (release === null) {
      socket.destroy();
      return;
    }
    socket.once("close", release);
    engine.take({ socket, wire: socket, client: null });
  });
  await beginListening(server, at, `${at.host}:${at.port}`, serving.gate.on(at.host));
  return listeningOn(server, (closed) => engine.stop(closed));
}

/** HTTP/1.1 on connections that somebody else has accepted and counted. */
interface HttpEngine {
  take(carried: Carried): void;
  /** Ends what is idle, resolves with `closed`, and ends what is then still there after the limits' `stopGrace`. */
  stop(closed: Promise<void>): Promise<void>;
}

/** `hsts` in seconds (RFC 6797); `null`: nothing is said of it. */
export function httpEngine(serving: Serving, hsts: number | null): HttpEngine {
  const { limits } = serving;
  const open = new Map<Socket, HttpConnection>();
  const house = { serving, tail: tailOf(serving, hsts) };
  const looking = setInterval(() => {
    for (const connection of open.values()) connection.look(serving.elapsed());
  }, limits.checkingInterval);
  looking.unref();
  return {
    take: (carried) => {
      open.set(carried.socket, new HttpConnection(carried, house));
      carried.socket.once("close", () => open.delete(carried.socket));
    },
    stop: async (closed) => {
      for (const connection of open.values()) connection.finish();
      const timer = setTimeout(() => {
        for (const socket of open.keys()) socket.destroy();
      }, limits.stopGrace);
      await closed;
      clearTimeout(timer);
      clearInterval(looking);
    },
  };
}

/** What ends a head: the same for every answer within a second. */
function tailOf({ now, limits }: Serving, hsts: number | null): (close: boolean) => string {
  const transport = hsts === null ? "" : `Strict-Transport-Security: max-age=${hsts}\r\n`;
  const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.max(1, Math.floor(limits.keepAlive / 1_000))}\r\n\r\n`;
  let second = -1;
  let tails = { kept: "", closing: "" };
  return (close) => {
    const present = Math.floor(now() / 1_000);
    if (present !== second) {
      second = present;
      const begin = `${transport}Date: ${formatHttpDate(present * 1_000)}\r\n`;
      tails = { kept: begin + kept, closing: `${begin}Connection: close\r\n\r\n` };
    }
    return close ? tails.closing : tails.kept;
  };
}
