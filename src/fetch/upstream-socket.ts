import type { OnReadOpts, Socket } from "node:net";

/**
 * Bytes read in one go. Measured: with one buffer per connection that goes straight to the lane, no byte is copied and
 * none is allocated while a body runs.
 */
const READ_BYTES = 256 * 1024;

/** Who listens to a connection now. */
export interface Receiver {
  /** Valid during the call; when the call has paused the socket, until it is resumed: the buffer is used again. */
  data(piece: Uint8Array): void;
  /** The other end has finished cleanly. */
  end(): void;
  /** The connection is gone otherwise. */
  broken(cause: Error): void;
}

/** One outbound connection, read through a single buffer, with back-pressure towards the upstream. */
export class UpstreamSocket {
  readonly #socket: Socket;
  #receiver: Receiver | null = null;
  #paused = false;
  #closed: { readonly cause: Error | null } | null = null;
  #backlog: Uint8Array[] = [];
  #heard = 0;

  /** `open` makes the socket; it hands the options on to `net.connect` or `tls.connect`. */
  constructor(open: (onread: OnReadOpts) => Socket) {
    this.#socket = open({
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes, buffer) => this.#arrived(buffer.subarray(0, bytes)),
    });
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (cause) => this.#gone(cause));
    this.#socket.on("end", () => this.#gone(null));
    this.#socket.on("close", () => this.#gone(new Error("connection closed")));
  }

  /** For a socket that cannot read into our buffer (TLS inside a proxy's tunnel): takes its own pieces instead. */
  readWithoutBuffer(): void {
    this.#socket.on("data", (piece: Uint8Array) => {
      if (!this.#arrived(piece)) this.#socket.pause();
    });
  }

  get raw(): Socket {
    return this.#socket;
  }

  /** Bytes that came since `receive` was last called. */
  get heard(): number {
    return this.#heard;
  }

  get usable(): boolean {
    return this.#closed === null && !this.#socket.destroyed;
  }

  /** Sets who listens from now on. Bytes that came while nobody did are gone: the protocols here speak when asked. */
  receive(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#heard = 0;
    if (this.#closed !== null) this.#tellClosed(receiver, this.#closed.cause);
  }

  send(text: string): void {
    if (this.usable) this.#socket.write(text, "latin1");
  }

  /** Stops reading; within `Receiver.data` this also keeps the piece at hand valid. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    while (this.#backlog.length > 0 && !this.#paused) {
      const piece = this.#backlog.shift();
      if (piece !== undefined) this.#receiver?.data(piece);
    }
    if (this.#paused) return;
    if (this.#closed !== null && this.#receiver !== null) this.#tellClosed(this.#receiver, this.#closed.cause);
    else this.#socket.resume();
  }

  destroy(): void {
    this.#receiver = null;
    this.#backlog = [];
    this.#socket.destroy();
  }

  #arrived(piece: Uint8Array): boolean {
    this.#heard += piece.length;
    // TLS hands over every record that it has decrypted, paused or not, and always at the start of the one buffer: a
    // copy, or a record would be overwritten while it is still on its way to the lane.
    if (this.#paused) this.#backlog.push(Uint8Array.from(piece));
    else this.#receiver?.data(piece);
    return !this.#paused;
  }

  #gone(cause: Error | null): void {
    if (this.#closed !== null) return;
    this.#closed = { cause };
    if (this.#receiver !== null && !(this.#paused && this.#backlog.length > 0)) this.#tellClosed(this.#receiver, cause);
  }

  #tellClosed(receiver: Receiver, cause: Error | null): void {
    this.#receiver = null;
    if (cause === null) receiver.end();
    else receiver.broken(cause);
  }
}
