import { once } from "node:events";
import net from "node:net";
import { dataHeader, type FrameHandler, FrameReader, messageFrame } from "./frame.ts";

/** Bytes read from a lane in one go: what a Unix socket's buffer holds, and some. */
const READ_BYTES = 256 * 1024;

/**
 * One end of a private, bidirectional connection between the daemon and a worker. A lane carries one job at a time, so
 * that back-pressure of one transfer never holds up another.
 */
export class Lane {
  readonly #socket: net.Socket;
  private constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /** Adopts a descriptor, as a parent process hands it over; the other end may send messages of so many bytes. */
  static adopt(fd: number, handler: FrameHandler, mostMessageBytes?: number): Lane {
    const reading = onread(handler, mostMessageBytes);
    const lane = new Lane(new net.Socket({ fd, readable: true, writable: true, onread: reading.onread }));
    reading.fail = (cause) => lane.#socket.destroy(cause);
    return lane;
  }

  /** Connects to a local socket; the other end may send messages of so many bytes. */
  static async connect(path: string, handler: FrameHandler, mostMessageBytes?: number): Promise<Lane> {
    const reading = onread(handler, mostMessageBytes);
    const socket = net.connect({ path, onread: reading.onread });
    reading.fail = (cause) => socket.destroy(cause);
    await once(socket, "connect");
    return new Lane(socket);
  }

  /** Calls `listener` once, when the other end is gone; the cause where there is one. */
  onClose(listener: (cause: Error | null) => void): void {
    let cause: Error | null = null;
    this.#socket.on("error", (error) => {
      cause = error;
    });
    // Without a "data" listener nobody would notice the end: `onread` replaces the listener.
    this.#socket.on("end", () => this.#socket.destroy());
    this.#socket.once("close", () => listener(cause));
  }

  send(message: unknown): void {
    if (!this.#socket.destroyed) this.#socket.write(messageFrame(message));
  }

  /** Sends bytes without copying them; `true` when they left at once, else wait for `drained` before the buffer is used again. */
  sendData(piece: Uint8Array): boolean {
    if (this.#socket.destroyed) return true;
    this.#socket.cork();
    this.#socket.write(dataHeader(piece.length));
    this.#socket.write(piece);
    this.#socket.uncork();
    return this.#socket.writableLength === 0;
  }

  /** Resolves when everything sent has left this process, or the lane is gone. */
  async drained(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.once("close", done);
      this.#socket.write(new Uint8Array(0), done);
    });
  }

  /** Bytes sent that have not left this process. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Whether this lane alone keeps the process alive. */
  unref(): void {
    this.#socket.unref();
  }
}

function onread(
  handler: FrameHandler,
  mostMessageBytes?: number,
): { onread: net.OnReadOpts; fail: (cause: Error) => void } {
  const reader = new FrameReader(handler, mostMessageBytes);
  const reading = {
    fail: (_cause: Error): void => {},
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes: number, buffer: Uint8Array): boolean => {
        try {
          reader.push(buffer.subarray(0, bytes));
        } catch (cause) {
          reading.fail(cause as Error);
        }
        return true;
      },
    },
  };
  return reading;
}
