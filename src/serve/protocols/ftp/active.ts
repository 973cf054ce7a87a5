import { connect, type Socket } from "node:net";
import type { Duration } from "../../../core/kernel/instant.ts";
import type { DataPort } from "./passive.ts";

/** A connection that we open to the client (PORT, EPRT), from the address that it reached us at, when it is needed. */
export function activePort(host: string, port: number, from: string, wait: Duration): DataPort {
  let socket: Socket | null = null;
  let closed = false;
  return {
    connected: async () => {
      if (closed) return null;
      const opening = connect({ host, port, localAddress: from, noDelay: true });
      socket = opening;
      const { promise, resolve } = Promise.withResolvers<Socket | null>();
      const timer = setTimeout(() => opening.destroy(), wait);
      opening.once("connect", () => resolve(opening));
      opening.on("error", () => undefined);
      opening.once("close", () => resolve(null));
      const result = await promise;
      clearTimeout(timer);
      return result;
    },
    close: () => {
      closed = true;
      socket?.destroy();
    },
  };
}
