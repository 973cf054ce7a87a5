import type { OnReadOpts, Socket } from "node:net";

/**
 * Bytes read in one go. With one buffer per connection that goes straight to the lane, no byte is copied and none is
 * allocated while a body runs (docs/adr/0003).
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

/**
 * One outbound connection, with back-pressure towards the upstream. A plain one reads into a single buffer. A TLS one
 * must not: it hands over every record that it has decrypted, paused or not, always at the start of that buffer, and so
 * overwrites bytes that are still on their way to the lane.
 */
export class UpstreamSocket {
  readonly #socket: Socket;
  #receiver: Receiver | null = null;
  #paused = false;
  #closed: { readonly cause: Error | null } | null = null;
  #heard = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (cause) => this.#gone(cause));
    this.#socket.on("end", () => this.#gone(null));
    this.#socket.on("close", () => this.#gone(new Error("connection closed")));
  }

  /** `open` makes the socket and hands the options on to `net.connect`. */
  static plain(open: (onread: OnReadOpts) => Socket): UpstreamSocket {
    let opened: UpstreamSocket | null = null;
    const socket = open({
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes, buffer) => opened === null || opened.#arrived(buffer.subarray(0, bytes)),
    });
    opened = new UpstreamSocket(socket);
    return opened;
  }

  static secure(socket: Socket): UpstreamSocket {
    const opened = new UpstreamSocket(socket);
    socket.on("data", (piece: Uint8Array) => void opened.#arrived(piece));
    return opened;
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
    this.#socket.resume();
  }

  destroy(): void {
    this.#receiver = null;
    this.#socket.destroy();
  }

  #arrived(piece: Uint8Array): boolean {
    // A bug of ours or of the runtime's: better to die of it than to pass on a file with a torn piece in it.
    if (this.#paused) throw new Error("bytes on a paused connection");
    this.#heard += piece.length;
    this.#receiver?.data(piece);
    return !this.#paused;
  }

  #gone(cause: Error | null): void {
    if (this.#closed !== null) return;
    this.#closed = { cause };
    if (this.#receiver !== null) this.#tellClosed(this.#receiver, cause);
  }

  #tellClosed(receiver: Receiver, cause: Error | null): void {
    this.#receiver = null;
    if (cause === null) receiver.end();
    else receiver.broken(cause);
  }
}
