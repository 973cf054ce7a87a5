import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";

/** Where messages go. `send` returns at once and never throws: a log that is gone must not stop a run. */
export interface SyslogTransport {
  send(message: Buffer): void;
  /** Messages that had no room, or were given to nobody, since the last call. */
  takeDropped(): number;
  /** Waits until all is handed over, or so many milliseconds, and lets go. */
  close(most: number): Promise<void>;
}

export interface SyslogReceiver {
  readonly host: string;
  readonly port: number;
}

/** Messages that may wait: some 2 MiB at the most. */
const MOST_WAITING = 1_000;

/** RFC 5426: one message a datagram. Nobody says whether it came. */
export function udpTransport({ host, port }: SyslogReceiver, mostWaiting = MOST_WAITING): SyslogTransport {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  let [under, dropped] = [0, 0];
  let closed = false;
  let idle: (() => void) | null = null;
  // A receiver that is gone answers with ICMP, which may surface here.
  socket.on("error", () => {});
  socket.unref();
  return {
    send: (message) => {
      if (closed || under >= mostWaiting) {
        dropped += 1;
        return;
      }
      under += 1;
      socket.send(message, port, host, (error) => {
        under -= 1;
        if (error !== null) dropped += 1;
        if (under === 0) idle?.();
      });
    },
    takeDropped: () => {
      const count = dropped;
      dropped = 0;
      return count;
    },
    close: async (most) => {
      if (closed) return;
      closed = true;
      if (under > 0) await soon(most, (done) => (idle = done));
      socket.close();
    },
  };
}

/** The pause before a connection is tried again doubles from the first to the last; milliseconds. */
const PAUSES = { first: 250, last: 30_000 } as const;
/** The longest that a connection may take to stand. */
const CONNECT_LIMIT = 10_000;

/**
 * RFC 6587 section 3.4.1: octet counting, on one connection that is made again when it breaks. While there is none, the
 * newest messages wait and the oldest go: after an outage the state of now matters. What was written to a connection
 * that then broke may be lost; nothing in the protocol tells.
 */
export function tcpTransport(
  receiver: SyslogReceiver,
  { mostWaiting = MOST_WAITING, pauses = PAUSES }: { readonly mostWaiting?: number; readonly pauses?: Pauses } = {},
): SyslogTransport {
  const waiting: Buffer[] = [];
  let dropped = 0;
  let closed = false;
  let idle: (() => void) | null = null;
  const line = keptLine(receiver, pauses, () => flush());
  const flush = (): void => {
    while (waiting.length > 0 && line.write(waiting[0] ?? Buffer.alloc(0))) waiting.shift();
    if (waiting.length === 0 && line.drained()) idle?.();
  };
  return {
    send: (message) => {
      if (closed) return;
      if (waiting.length >= mostWaiting) {
        waiting.shift();
        dropped += 1;
      }
      waiting.push(Buffer.concat([Buffer.from(`${message.length} `), message]));
      flush();
    },
    takeDropped: () => {
      const count = dropped;
      dropped = 0;
      return count;
    },
    close: async (most) => {
      closed = true;
      if (waiting.length > 0 || !line.drained()) {
        await soon(most, (done) => {
          idle = done;
          flush();
        });
      }
      line.end();
    },
  };
}

interface Pauses {
  readonly first: number;
  readonly last: number;
}

interface KeptLine {
  /** Takes a message when there is a connection with room for it. */
  write(bytes: Buffer): boolean;
  /** Nothing is still on its way into the connection. */
  drained(): boolean;
  end(): void;
}

/** A connection that is made again with a growing pause, and never keeps the process alive. */
function keptLine({ host, port }: SyslogReceiver, pauses: Pauses, onRoom: () => void): KeptLine {
  let socket: Socket | null = null;
  let up = false;
  let pause = pauses.first;
  let timer: NodeJS.Timeout | null = null;
  let ended = false;
  const dial = (): void => {
    const fresh = connect({ host, port });
    socket = fresh;
    fresh.unref();
    fresh.setTimeout(CONNECT_LIMIT, () => {
      if (!up) fresh.destroy();
    });
    fresh.on("connect", () => {
      [up, pause] = [true, pauses.first];
      onRoom();
    });
    fresh.on("drain", onRoom);
    // Syslog has no answers: what a receiver says is thrown away, and that it hangs up is seen at once.
    fresh.resume();
    fresh.on("error", () => {});
    fresh.on("close", () => {
      [up, socket] = [false, null];
      if (ended) return;
      timer = setTimeout(dial, pause).unref();
      pause = Math.min(pauses.last, pause * 2);
    });
  };
  dial();
  return {
    write: (bytes) => {
      if (socket === null || !up || socket.writableNeedDrain) return false;
      socket.write(bytes, () => onRoom());
      return true;
    },
    drained: () => socket === null || !up || socket.writableLength === 0,
    end: () => {
      ended = true;
      if (timer !== null) clearTimeout(timer);
      socket?.end();
      // A receiver that never reads must not hold a stop.
      socket?.destroySoon();
    },
  };
}

/** Waits for `begin`'s callback, but no longer than so many milliseconds. */
async function soon(most: number, begin: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = setTimeout(resolve, most);
  begin(resolve);
  await promise;
  clearTimeout(limit);
}
