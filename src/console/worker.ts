import { once } from "node:events";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { askDaemonAs } from "../wire/client.ts";
import { type ConsoleAnswer, type ConsoleStart, consoleStart } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { buildApi } from "./api.ts";

/** Serves the API as the keeper says over the lane, until its other end is gone. */
export function serveConsoleLane(fd: number, onEnd: (cause: Error | null) => void): void {
  let started = false;
  const lane = Lane.adopt(fd, {
    message(value) {
      const start = consoleStart.safeParse(value);
      if (!start.success || started) throw new Failure("worker.protocol", "not the start of a console");
      started = true;
      void listen(start.data).then((answer) => lane.send(answer));
    },
    data() {
      throw new Failure("worker.protocol", "the console takes no data frames");
    },
  });
  lane.onClose(onEnd);
}

async function listen({ host, port, fd, tls, socket, version, issuer }: ConsoleStart): Promise<ConsoleAnswer> {
  const api = buildApi({ ask: (request) => askDaemonAs(socket, request, () => {}), tls, version, issuer });
  try {
    await (fd === null ? api.listen({ host, port }) : listenOn(api, fd));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    const detail = quoteOutside(`${host}:${port}: ${cause.message}`, 500);
    return { kind: "failed", code: "listen.failed", detail, retry: "later" };
  }
  const at = api.server.address();
  if (at === null || typeof at === "string") throw new Error("a TCP server without an address");
  return { kind: "listening", address: at.address, port: at.port };
}

/** Fastify itself takes no descriptor. */
async function listenOn(api: ReturnType<typeof buildApi>, fd: number): Promise<void> {
  await api.ready();
  api.server.listen({ fd });
  await once(api.server, "listening");
}
