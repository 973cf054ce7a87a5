import { once } from "node:events";
import type { Server } from "node:net";
import { Failure } from "../core/kernel/errors.ts";

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "no interface of this machine has this address",
  EACCES: "this user may not listen on that port",
};

/** Resolves when the server listens. Throws `listen.failed`; `shown` is the address as messages name it. */
export async function beginListening(
  server: Server,
  at: { readonly host: string; readonly port: number },
  shown: string,
): Promise<void> {
  try {
    server.listen({ host: at.host, port: at.port, backlog: 511 });
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new Failure("listen.failed", `${shown}: ${WHY_NOT[code] ?? code}`, {
      cause,
      retry: code === "EADDRINUSE" ? "later" : "never",
    });
  }
}
