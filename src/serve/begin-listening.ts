import { once } from "node:events";
import { type Server, Socket } from "node:net";
import { Failure } from "../core/kernel/errors.ts";
import type { Ends } from "./gate.ts";
import type { Listening } from "./protocol.ts";

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "no interface of this machine has this address",
  EACCES: "this user may not listen on that port",
};

/** A server that listens, as its protocol's. `finish` ends its connections, and is given their end. */
export function listeningOn(server: Server, finish: (closed: Promise<void>) => Promise<void>): Listening {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server without an address");
  return {
    address: address.address,
    port: address.port,
    stop: () => finish(new Promise((resolve) => server.close(() => resolve()))),
  };
}

export interface ListenAt {
  readonly host: string;
  readonly port: number;
  /** A listener that the process was handed; `null`: it opens one. */
  readonly fd: number | null;
}

/**
 * Resolves when the server listens. Throws `listen.failed`; `shown` is the address as messages name it. Every listener
 * of a channel begins here, so that no protocol can forget to ask `admits` (`Gate.on`): whoever it does not let in is
 * gone before a protocol knows of him.
 */
export async function beginListening(
  server: Server,
  { host, port, fd }: ListenAt,
  shown: string,
  admits: (ends: Ends) => boolean,
): Promise<void> {
  guard(server, admits);
  try {
    server.listen(fd === null ? { host, port, backlog: 511 } : { fd });
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new Failure("listen.failed", `${shown}: ${WHY_NOT[code] ?? code}`, {
      cause,
      retry: code === "EADDRINUSE" ? "later" : "never",
    });
  }
}

/** A listener of "connection" could be put before another one; what is never emitted reaches none. */
function guard(server: Server, admits: (ends: Ends) => boolean): void {
  const emit = server.emit.bind(server);
  server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    const [socket] = values;
    if (event !== "connection" || !(socket instanceof Socket) || admits(socket)) return emit(event, ...values);
    socket.destroy();
    return true;
  };
}
