import process from "node:process";
import { Failure } from "../core/kernel/errors.ts";
import { type Argument, type Libc, libc } from "./libc.ts";
import { type Syscall, syscalls } from "./syscalls.ts";

/** What came over a local connection in one message, or why it was not taken; its descriptors are closed then. */
export type Received =
  | { readonly kind: "received"; readonly bytes: Uint8Array; readonly fds: readonly number[] }
  | { readonly kind: "refused"; readonly why: "none" | "too-long" | "too-many-descriptors" | "malformed" };

// Of Linux: include/linux/socket.h, include/uapi/asm-generic/{socket,fcntl}.h, include/uapi/linux/un.h.
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2_000_000;
const SOCK_NONBLOCK = 0o4_000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SCM_RIGHTS = 1;
const MSG_PEEK = 0x2;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const F_SETFL = 4;
const F_GETFL = 3;
const F_SETOWN = 8;
const F_SETSIG = 10;
const F_DUPFD_CLOEXEC = 1_030;
const O_ASYNC = 0o20_000;
const SIGKILL = 9;
const SUN_PATH_BYTES = 108;
/** SCM_MAX_FD: the kernel passes no more at once. */
const MOST_AT_ONCE = 253;
/** Bytes of `struct msghdr`, and of `struct cmsghdr`, on a 64-bit machine. */
const HEADER_BYTES = 56;
const CONTROL_HEADER_BYTES = 16;
const FLAGS_AT = 48;
/** Every message begins with its length (4 bytes, big-endian): a stream keeps no bounds. */
const LENGTH_BYTES = 4;

/** The calls that hand descriptors from process to process (unix(7)). `null` where nobody knows the machine's calls. */
export function descriptorDoor(): DescriptorDoor | null {
  const numbers = syscalls();
  return numbers === null ? null : new DescriptorDoor(libc(), numbers);
}

/** Local connections on bare descriptors, none of which a child process inherits. */
export class DescriptorDoor {
  readonly #libc: Libc;
  readonly #numbers: Readonly<Record<Syscall, number>>;

  constructor(library: Libc, numbers: Readonly<Record<Syscall, number>>) {
    this.#libc = library;
    this.#numbers = numbers;
  }

  /** A connection to a listening local socket. Throws `worker.died`, whose detail names what the kernel answered. */
  connect(path: string): number {
    const name = Buffer.from(`${path}\0`);
    if (name.length > SUN_PATH_BYTES) throw new Failure("worker.died", `${path} is too long for a local socket`);
    const fd = this.#must("socket", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const address = Buffer.alloc(2 + name.length);
    address.writeUInt16LE(AF_UNIX, 0);
    address.set(name, 2);
    const answer = this.#call("connect", fd, address, address.length);
    if ("value" in answer) return fd;
    this.close(fd);
    throw new Failure("worker.died", `${path}: connect: ${answer.errno}`, { retry: "later" });
  }

  /** Two ends of one connection. */
  pair(): readonly [number, number] {
    const both = Buffer.alloc(8);
    this.#must("socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both);
    return [both.readInt32LE(0), both.readInt32LE(4)];
  }

  close(fd: number): void {
    this.#call("close", fd);
  }

  /** Sends one message with descriptors, which stay open here. Throws when it does not go out whole. */
  send(fd: number, payload: Uint8Array, fds: readonly number[]): void {
    const bytes = Buffer.alloc(LENGTH_BYTES + payload.length);
    bytes.writeUInt32BE(payload.length, 0);
    bytes.set(payload, LENGTH_BYTES);
    const control = Buffer.alloc(fds.length === 0 ? 0 : controlBytes(fds.length));
    if (fds.length > 0) {
      control.writeBigUInt64LE(BigInt(CONTROL_HEADER_BYTES + 4 * fds.length), 0);
      control.writeInt32LE(SOL_SOCKET, 8);
      control.writeInt32LE(SCM_RIGHTS, 12);
      for (const [index, one] of fds.entries()) control.writeInt32LE(one, CONTROL_HEADER_BYTES + 4 * index);
    }
    const sent = this.#must("sendmsg", fd, this.#messageHeader(bytes, control), MSG_NOSIGNAL);
    if (sent !== bytes.length) throw new Failure("worker.died", `sendmsg took ${sent} bytes of ${bytes.length}`);
  }

  /**
   * Takes one message, waiting for it as long as the descriptor does (`patience`). Whatever comes with a later byte, beyond
   * the ceilings, or behind the message, refuses it all. `null`: nothing has come yet.
   */
  receive(fd: number, most: { readonly bytes: number; readonly fds: number }): Received | null {
    const taken: number[] = [];
    const drop = (why: Extract<Received, { kind: "refused" }>["why"]): Received => {
      for (const one of taken) this.close(one);
      return { kind: "refused", why };
    };
    let bytes: Uint8Array = new Uint8Array(0);
    for (;;) {
      const piece = this.#receivePiece(fd, LENGTH_BYTES + most.bytes + 1 - bytes.length);
      if (piece === null && bytes.length === 0) return null;
      if (piece === null || piece.bytes.length === 0) return drop(bytes.length === 0 ? "none" : "malformed");
      const late = bytes.length > 0 && piece.fds.length > 0;
      taken.push(...piece.fds);
      bytes = Buffer.concat([bytes, piece.bytes]);
      if (piece.truncated || taken.length > most.fds) return drop("too-many-descriptors");
      const length = lengthOf(bytes);
      if (late || (length !== null && bytes.length > LENGTH_BYTES + length)) return drop("malformed");
      if (length !== null && length > most.bytes) return drop("too-long");
      if (length !== null && bytes.length === LENGTH_BYTES + length)
        return { kind: "received", bytes: bytes.subarray(LENGTH_BYTES), fds: taken };
    }
  }

  /** How long `receive` waits on this descriptor, in milliseconds. */
  patience(fd: number, milliseconds: number): void {
    const time = Buffer.alloc(16);
    time.writeBigUInt64LE(BigInt(Math.floor(milliseconds / 1_000)), 0);
    time.writeBigUInt64LE(BigInt((milliseconds % 1_000) * 1_000), 8);
    this.#must("setsockopt", fd, SOL_SOCKET, SO_RCVTIMEO, time, time.length);
  }

  /** Whether a byte waits there or the other end is gone; `false`: it is there and silent. */
  isStirring(fd: number): boolean {
    const header = this.#messageHeader(Buffer.alloc(1), Buffer.alloc(0));
    const answer = this.#call("recvmsg", fd, header, MSG_PEEK | MSG_DONTWAIT);
    return "value" in answer || answer.errno !== "EAGAIN";
  }

  /**
   * From now on whatever happens at the other end of a connection, a byte or its closing, ends this process, whoever it has
   * become by then: the kernel keeps owner and signal with the open connection (fcntl(2): F_SETOWN, F_SETSIG, O_ASYNC), not
   * with the program. The other end needs no right to signal us, and may belong to another user.
   */
  dieBy(fd: number): void {
    this.#must("fcntl", fd, F_SETOWN, process.pid);
    this.#must("fcntl", fd, F_SETSIG, SIGKILL);
    this.#must("fcntl", fd, F_SETFL, this.#must("fcntl", fd, F_GETFL) | O_ASYNC);
  }

  /**
   * Puts descriptors at the numbers from 3 on, in their order, over whatever is there; for a process that becomes another
   * program next, for its own descriptors may be among what is lost.
   */
  place(fds: readonly number[]): void {
    // First all out of the way: one may stand where another belongs.
    const above = fds.map((fd) => this.#must("fcntl", fd, F_DUPFD_CLOEXEC, 3 + fds.length));
    for (const [index, fd] of above.entries()) this.#must("dup2", fd, 3 + index);
  }

  #receivePiece(
    fd: number,
    most: number,
  ): { readonly bytes: Uint8Array; readonly fds: readonly number[]; readonly truncated: boolean } | null {
    const bytes = Buffer.alloc(most);
    const control = Buffer.alloc(controlBytes(MOST_AT_ONCE));
    const header = this.#messageHeader(bytes, control);
    for (;;) {
      const answer = this.#call("recvmsg", fd, header, MSG_CMSG_CLOEXEC);
      if ("errno" in answer && answer.errno === "EINTR") continue;
      if ("errno" in answer && answer.errno === "EAGAIN") return null;
      // What was sent before the other end was reset is lost; that it is gone is what counts.
      if ("errno" in answer && answer.errno === "ECONNRESET")
        return { bytes: new Uint8Array(0), fds: [], truncated: false };
      if ("errno" in answer) throw new Failure("worker.died", `recvmsg: ${answer.errno}`, { retry: "later" });
      const truncated = (header.readInt32LE(FLAGS_AT) & MSG_CTRUNC) !== 0;
      const filled = Number(header.readBigUInt64LE(40));
      return { bytes: bytes.subarray(0, answer.value), fds: rightsIn(control.subarray(0, filled)), truncated };
    }
  }

  /** `struct msghdr`, over one `struct iovec`. */
  #messageHeader(bytes: Uint8Array, control: Uint8Array): Buffer {
    const vector = Buffer.alloc(16);
    vector.writeBigUInt64LE(this.#libc.address(bytes), 0);
    vector.writeBigUInt64LE(BigInt(bytes.length), 8);
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeBigUInt64LE(this.#libc.address(vector), 16);
    header.writeBigUInt64LE(1n, 24);
    if (control.length > 0) header.writeBigUInt64LE(this.#libc.address(control), 32);
    header.writeBigUInt64LE(BigInt(control.length), 40);
    held.set(header, [vector, bytes, control]);
    return header;
  }

  #must(call: Syscall, ...args: readonly Argument[]): number {
    const answer = this.#call(call, ...args);
    if ("value" in answer) return answer.value;
    throw new Failure("worker.died", `${call}: ${answer.errno}`, { retry: "later" });
  }

  #call(call: Syscall, ...args: readonly Argument[]) {
    return this.#libc.syscall(this.#numbers[call], ...args);
  }
}

/** What a header points at lives as long as the header. */
const held = new WeakMap<Uint8Array, readonly Uint8Array[]>();

function controlBytes(fds: number): number {
  return CONTROL_HEADER_BYTES + 8 * Math.ceil((4 * fds) / 8);
}

function lengthOf(bytes: Uint8Array): number | null {
  return bytes.length < LENGTH_BYTES ? null : Buffer.from(bytes).readUInt32BE(0);
}

/** The descriptors of every SCM_RIGHTS message; others are not asked for, and carry none. */
function rightsIn(control: Buffer): readonly number[] {
  const fds: number[] = [];
  let at = 0;
  while (at + CONTROL_HEADER_BYTES <= control.length) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < CONTROL_HEADER_BYTES) break;
    const rights = control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS;
    const end = rights ? at + length : at;
    for (let place = at + CONTROL_HEADER_BYTES; place + 4 <= end; place += 4) fds.push(control.readInt32LE(place));
    at += 8 * Math.ceil(length / 8);
  }
  return fds;
}
