import { Failure } from "../core/kernel/errors.ts";
import type { ServeRequest } from "../wire/jobs.ts";

type Start = Extract<ServeRequest, { kind: "serve-start" }>;

/** What opens listeners, and never accepts from one (`confine/sockets.ts`). */
export interface SocketDoor {
  /** Throws `Failure` `listen.failed`. */
  open(wanted: {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly backlog: number;
    readonly interface: string | null;
  }): readonly { readonly fd: number; readonly port: number; close(): void }[];
  /** Whether a service manager has handed over a socket of this name. */
  isHanded(name: string): boolean;
}

export interface SocketWishes {
  readonly channel: string;
  readonly interface: string | null;
  /** Passive ports of FTP. */
  readonly passivePorts: number;
  /** A whole number from 0 to below its argument that nobody can guess. */
  readonly pick: (below: number) => number;
}

/** Under which names a service manager may hand over the sockets of a channel. */
export function socketNames(
  channel: string,
  { listen, https, ftp }: { readonly listen?: unknown; readonly https?: unknown; readonly ftp?: unknown },
): readonly string[] {
  const uses = [
    ...(listen === undefined ? [] : ["http"]),
    ...(https === undefined ? [] : ["https"]),
    ...(ftp === undefined ? [] : ["ftp", "pasv"]),
  ];
  return uses.map((use) => `${channel}-${use}`);
}

type StartFtp = NonNullable<Start["ftp"]>;
interface HostAndPort {
  readonly host: string;
  readonly port: number;
}
type Opened = ReturnType<SocketDoor["open"]>[number];

/** Connections that may wait while a server is started again. */
const BACKLOG = 511;
const PASSIVE_BACKLOG = 16;
const NO_ACTIVE = "active FTP opens connections, which does not go with sockets that a service manager hands over";

/**
 * The listeners of one channel, opened once by the keeper and handed to each process that serves it: that process needs
 * no right to open a socket, and a client that comes while it is started again waits instead of being refused.
 */
export class ChannelSockets {
  readonly #door: SocketDoor;
  readonly #wishes: SocketWishes;
  #open: readonly Opened[] = [];

  constructor(door: SocketDoor, wishes: SocketWishes) {
    this.#door = door;
    this.#wishes = wishes;
  }

  /** The descriptors to hand over, and the start that tells of them when the first has the number `first`. Throws `listen.failed`. */
  handOver(start: Start, first: number): { readonly start: Start; readonly fds: readonly number[] } {
    if (this.#open.length === 0) this.#openAll(start);
    const fds = this.#open.map(({ fd }) => fd);
    const numbers = fds.map((_, index) => first + index);
    const { listen, https = null, ftp = null } = start;
    const rest = [...numbers];
    const next = (): number | null => rest.shift() ?? null;
    // In the order in which they were opened.
    return {
      fds,
      start: {
        ...start,
        listen: listen === null ? null : { ...listen, fd: next() },
        https: https === null ? null : { ...https, fd: next() },
        ftp: ftp === null ? null : { ...ftp, fd: next(), passive: { ...ftp.passive, fds: rest } },
      },
    };
  }

  #openAll({ listen, https, ftp }: Start): void {
    const opened: Opened[] = [];
    try {
      if (listen !== null) this.#openOne("http", listen, opened);
      if (https !== null && https !== undefined) this.#openOne("https", https, opened);
      if (ftp !== null && ftp !== undefined) {
        if (ftp.active && this.#door.isHanded(this.#nameOf("ftp")))
          throw new Failure("config.invalid", `channels.${this.#wishes.channel}.ftp.active: ${NO_ACTIVE}`);
        this.#openOne("ftp", ftp, opened);
        this.#openPassive(ftp, opened);
      }
      this.#open = opened;
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
  }

  #nameOf(use: "http" | "https" | "ftp" | "pasv"): string {
    return `${this.#wishes.channel}-${use}`;
  }

  #openOne(use: "http" | "https" | "ftp", { host, port }: HostAndPort, opened: Opened[]): void {
    const name = this.#nameOf(use);
    const sockets = this.#door.open({ name, host, port, backlog: BACKLOG, interface: this.#wishes.interface });
    opened.push(...sockets);
    if (sockets.length !== 1)
      throw new Failure("listen.failed", `${sockets.length} sockets are handed over as ${name}; one is needed`);
  }

  #openPassive({ host, passive: { from, to } }: StartFtp, opened: Opened[]): void {
    const { passivePorts, pick, interface: device } = this.#wishes;
    const name = this.#nameOf("pasv");
    const wanted = { name, host, backlog: PASSIVE_BACKLOG, interface: device };
    if (this.#door.isHanded(name)) {
      opened.push(...this.#door.open({ ...wanted, port: 0 }));
      return;
    }
    const ports = portsOf(from, to, passivePorts);
    const before = opened.length;
    while (opened.length - before < passivePorts && ports.length > 0) {
      const [port = 0] = ports.splice(pick(ports.length), 1);
      opened.push(...orNone(() => this.#door.open({ ...wanted, port })));
    }
    if (opened.length === before)
      throw new Failure("listen.failed", `${host}: no passive port from ${from} to ${to}`, { retry: "later" });
  }

  /** No client waits on a channel that will not be served again. */
  close(): void {
    for (const socket of this.#open) socket.close();
    this.#open = [];
  }
}

function portsOf(from: number, to: number, count: number): number[] {
  if (from === 0) return Array.from({ length: count }, () => 0);
  return Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
}

/** A passive port that another program has is passed over. */
function orNone(open: () => readonly Opened[]): readonly Opened[] {
  try {
    return open();
  } catch (error) {
    if (error instanceof Failure && error.retry === "later") return [];
    throw error;
  }
}
