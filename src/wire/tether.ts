import net from "node:net";
import type { Readable } from "node:stream";

/**
 * The connection to a process of another user, which nobody here may signal: the kernel ends that process when a byte comes over
 * it, or when we are gone (`confine/descriptors.ts`), and it closes when the process is gone.
 */
export class Tether {
  readonly gone: Promise<void>;
  readonly #socket: net.Socket;

  /** Takes the descriptor for its own. */
  constructor(fd: number) {
    this.#socket = new net.Socket({ fd, readable: true, writable: true });
    // A process that died with our byte unread ends it as an error.
    this.#socket.on("error", () => {});
    this.gone = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    // Nothing is ever said to us here; without a reader its end would go unnoticed.
    this.#socket.resume();
    this.#socket.once("end", () => this.#socket.destroy());
  }

  kill(): void {
    if (!this.#socket.destroyed) this.#socket.write("!");
  }
}

/** The end of a pipe that is ours to read. It takes the descriptor for its own. */
export function pipeFrom(fd: number): Readable {
  return new net.Socket({ fd, readable: true, writable: false });
}
