import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { HttpServer } from "./http-servers.ts";
import { residentMegabytes } from "./processor-time.ts";

/** What idle connections cost a server in memory. */
export interface IdleCost {
  readonly before: number;
  readonly with: number;
  readonly kilobytesEach: number;
}

/** Opens so many connections, asks for one small file on each, and leaves them open; then looks at the server's memory. */
export async function idleCost({ url, pid }: HttpServer, connections: number): Promise<IdleCost> {
  const before = residentMegabytes(pid);
  const { port, pathname } = new URL(`${url}/k1`);
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < connections; i += 1) {
      const socket = connect(Number(port), "127.0.0.1");
      sockets.push(socket);
      socket.write(`GET ${pathname} HTTP/1.1\r\nHost: m\r\nUser-Agent: idle-${i}\r\n\r\n`);
      await once(socket, "data");
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (sockets.some((socket) => socket.destroyed || socket.readableEnded))
      throw new Error("an idle connection was ended");
    const during = residentMegabytes(pid);
    return { before, with: during, kilobytesEach: ((during - before) * 1_024) / connections };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
