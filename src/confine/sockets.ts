import { Failure } from "../core/kernel/errors.ts";
import type { HandedSockets } from "./handed-sockets.ts";
import { type Answer, type Argument, type Libc, libc } from "./libc.ts";
import { decodeAddress, encodeAddress, familyOf, MOST_ADDRESS_BYTES } from "./socket-address.ts";
import { type Syscall, syscalls } from "./syscalls.ts";

/** A socket that a channel is to be reached by. */
export interface WantedSocket {
  /** Under which name a service manager hands it over: "staging-http". */
  readonly name: string;
  readonly host: string;
  /** 0: any that the system has. */
  readonly port: number;
  readonly backlog: number;
  /** The interface that it answers on, and no other; `null`: each. */
  readonly interface: string | null;
}

/** A TCP socket that listens; nothing of this process ever accepts from it. */
export interface OpenSocket {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

// Of Linux: include/uapi/asm-generic/socket.h, include/linux/net.h, include/uapi/linux/in6.h.
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2_000_000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
/** IFNAMSIZ of include/uapi/linux/if.h: the name and the zero after it. */
const MOST_DEVICE_BYTES = 16;
const SO_ACCEPTCONN = 30;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "no interface of this machine has this address",
  EACCES: "this user may not listen on that port",
  ENODEV: "this machine has no such interface",
  EPERM: "this user may not bind a socket to an interface",
  EAFNOSUPPORT:
    "no socket unit hands it over, and this machine, or the daemon's unit, opens none of this version of IP",
};

/** Opens listeners for the channels' servers, which never make a socket. `null` where nobody knows the machine's calls. */
export function socketOpener(handed: HandedSockets): SocketOpener | null {
  const numbers = syscalls();
  return numbers === null ? null : new SocketOpener(libc(), numbers, handed);
}

/** Whether this process may make a socket of the Internet at all; its unit may say no. */
export function hasInternet(): boolean {
  const numbers = syscalls();
  if (numbers === null) return true;
  const answer = libc().syscall(numbers.socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if ("value" in answer) libc().syscall(numbers.close, answer.value);
  return "value" in answer;
}

export class SocketOpener {
  readonly #libc: Libc;
  readonly #numbers: Readonly<Record<Syscall, number>>;
  readonly #handed: HandedSockets;

  constructor(library: Libc, numbers: Readonly<Record<Syscall, number>>, handed: HandedSockets) {
    this.#libc = library;
    this.#numbers = numbers;
    this.#handed = handed;
  }

  /** The sockets of this name that a service manager has handed over, checked; else one that is opened now. Throws `listen.failed`. */
  open(wanted: WantedSocket): readonly OpenSocket[] {
    const fds = this.#handed.take(wanted.name);
    return fds.length === 0 ? [this.#make(wanted)] : fds.map((fd) => this.#adopt(fd, wanted));
  }

  /** Whether a service manager has handed over a socket of this name. */
  isHanded(name: string): boolean {
    return this.#handed.has(name);
  }

  #make(wanted: WantedSocket): OpenSocket {
    const { host, port, backlog } = wanted;
    const fd = this.#must(wanted, "socket", familyOf(host), SOCK_STREAM | SOCK_CLOEXEC, 0);
    try {
      this.#set(wanted, fd, SOL_SOCKET, SO_REUSEADDR, int(1));
      if (host.includes(":")) this.#set(wanted, fd, IPPROTO_IPV6, IPV6_V6ONLY, int(0));
      // Before it listens: there is no moment in which another interface is answered.
      this.#bindToInterface(wanted, fd);
      const address = encodeAddress(host, port);
      this.#must(wanted, "bind", fd, address, address.length);
      this.#must(wanted, "listen", fd, backlog);
      return this.#opened(wanted, fd);
    } catch (error) {
      this.#call("close", fd);
      throw error;
    }
  }

  #adopt(fd: number, wanted: WantedSocket): OpenSocket {
    // Else each process that the keeper starts would have it.
    this.#must(wanted, "fcntl", fd, F_SETFD, FD_CLOEXEC);
    const listens = Buffer.alloc(4);
    this.#must(wanted, "getsockopt", fd, SOL_SOCKET, SO_ACCEPTCONN, listens, int(4));
    if (listens.readInt32LE() !== 1) throw failure(wanted, "the socket that was handed over does not listen");
    const bound = this.#interfaceOf(wanted, fd);
    // Whoever is not root may bind a socket once; and one that another interface was chosen for is not what was asked for.
    if (bound === "") this.#bindToInterface(wanted, fd);
    else if (wanted.interface !== null && bound !== wanted.interface)
      throw failure(wanted, `the socket that was handed over is bound to ${bound}`);
    const { host, port } = this.#nameOf(wanted, fd);
    const expected = decodeAddress(encodeAddress(wanted.host, wanted.port));
    if (host !== expected?.host || (wanted.port !== 0 && port !== wanted.port))
      throw failure(wanted, `the socket that was handed over listens on ${host} port ${port}`);
    return this.#opened(wanted, fd);
  }

  /** Linux answers for each of its addresses on every interface: only the socket can tell where a packet came in. */
  #bindToInterface(wanted: WantedSocket, fd: number): void {
    if (wanted.interface === null) return;
    this.#set(wanted, fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${wanted.interface}\0`));
  }

  /** The interface that a socket is bound to; "" where it is bound to none. */
  #interfaceOf(wanted: WantedSocket, fd: number): string {
    const name = Buffer.alloc(MOST_DEVICE_BYTES);
    const length = int(name.length);
    this.#must(wanted, "getsockopt", fd, SOL_SOCKET, SO_BINDTODEVICE, name, length);
    return name.toString("latin1", 0, Math.max(0, Buffer.from(length).readInt32LE() - 1));
  }

  #opened(wanted: WantedSocket, fd: number): OpenSocket {
    const { port } = this.#nameOf(wanted, fd);
    return { fd, port, close: () => void this.#call("close", fd) };
  }

  #nameOf(wanted: WantedSocket, fd: number): { readonly host: string; readonly port: number } {
    const bytes = Buffer.alloc(MOST_ADDRESS_BYTES);
    this.#must(wanted, "getsockname", fd, bytes, int(bytes.length));
    const name = decodeAddress(bytes);
    if (name === null) throw failure(wanted, "the socket that was handed over is no Internet socket");
    return name;
  }

  #set(wanted: WantedSocket, fd: number, level: number, option: number, value: Uint8Array): void {
    this.#must(wanted, "setsockopt", fd, level, option, value, value.length);
  }

  #must(wanted: WantedSocket, call: Syscall, ...args: readonly Argument[]): number {
    const answer = this.#call(call, ...args);
    if ("value" in answer) return answer.value;
    throw failure(wanted, WHY_NOT[answer.errno] ?? `${call}: ${answer.errno}`, answer.errno === "EADDRINUSE");
  }

  #call(call: Syscall, ...args: readonly Argument[]): Answer {
    return this.#libc.syscall(this.#numbers[call], ...args);
  }
}

function int(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function failure(wanted: WantedSocket, why: string, later = false): Failure {
  const { name, host, port, interface: device } = wanted;
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}${device === null ? "" : ` on ${device}`}`;
  return new Failure("listen.failed", `${name}, ${where}: ${why}`, { retry: later ? "later" : "never" });
}
