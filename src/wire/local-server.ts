import { once } from "node:events";
import { rm } from "node:fs/promises";
import net from "node:net";
import { Failure } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { FrameReader, messageFrame } from "./frame.ts";

/** One connection of a command-line client: one request comes, replies go until it is closed. */
export interface Caller {
  reply(message: unknown): void;
  /** Sends what is left and closes. */
  end(): void;
  readonly gone: AbortSignal;
}

/** `sockaddr_un` holds 108 bytes on Linux and 104 on the BSDs, with a zero at the end. */
const MOST_PATH_BYTES = 103;

export interface LocalServer {
  close(): Promise<void>;
}

/**
 * Listens on a socket that whom `mode` lets may open. Whoever holds the store's lock may replace what a dead daemon left
 * at the path. A caller that says anything but one small message is cut off.
 */
export async function listenLocally(
  path: string,
  serve: (request: unknown, caller: Caller) => void,
  mode = 0o600,
): Promise<LocalServer> {
  if (Buffer.byteLength(path) > MOST_PATH_BYTES)
    throw new Failure(
      "config.invalid",
      `the control socket's path is longer than ${MOST_PATH_BYTES} bytes: ${path}; choose a shorter data folder`,
    );
  await rm(path, { force: true });
  const callers = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    callers.add(socket);
    socket.once("close", () => callers.delete(socket));
    attend(socket, serve);
  });
  // The socket is made during the call, with what the mask leaves (unix(7)): between it and a chmod others could connect.
  const mask = process.umask(0o777 & ~mode);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await once(server, "listening");
  return {
    close: async () => {
      server.close();
      for (const socket of callers) socket.destroy();
      await rm(path, { force: true });
    },
  };
}

function attend(socket: net.Socket, serve: (request: unknown, caller: Caller) => void): void {
  const gone = new AbortController();
  let asked = false;
  socket.on("error", () => socket.destroy());
  socket.once("close", () => gone.abort());
  const caller: Caller = {
    reply: (message) => {
      if (!socket.destroyed) socket.write(messageFrame(message));
    },
    end: () => socket.end(),
    gone: gone.signal,
  };
  const reader = new FrameReader(
    {
      message: (value) => {
        if (asked) {
          socket.destroy();
          return;
        }
        asked = true;
        serve(value, caller);
      },
      data: () => socket.destroy(),
    },
    LIMITS.requestBytes,
  );
  socket.on("data", (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch {
      socket.destroy();
    }
  });
}
