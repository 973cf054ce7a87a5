import type { Socket } from "node:net";
import type { BufferPool } from "../../buffer-pool.ts";
import type { Carried } from "../../protocol.ts";
import type { AnswerHead } from "./answer-head.ts";
import type { Exchange, HttpRequest } from "./exchange.ts";

/** Bodies up to this many bytes leave in one piece with their head. */
const TOGETHER = 16 * 1024;
const END_OF_CHUNKS = Buffer.from("0\r\n\r\n");

/** One exchange of an HTTP/1.1 connection. */
export class HttpExchange implements Exchange {
  readonly request: HttpRequest;
  /** Bytes given to the socket. */
  given = 0;
  readonly tellsAtOnce: boolean;
  readonly #socket: Socket;
  readonly #tail: (close: boolean) => string;
  #last: boolean;
  #status = 0;
  #chunked = false;
  /** A head that leaves with the first piece of its body. */
  #head: string | null = null;
  /** Who waits for what was offered. */
  #settle: (() => void) | null = null;

  /** `tail`: the fields of this connection and this moment, and the empty line. `last`: it ends with this answer. */
  constructor({ socket, wire }: Carried, request: HttpRequest, tail: (close: boolean) => string, last: boolean) {
    this.#socket = socket;
    this.tellsAtOnce = socket === wire;
    this.request = request;
    this.#tail = tail;
    this.#last = last;
  }

  get status(): number {
    return this.#status;
  }

  /** Whether the connection ends with this answer. */
  get last(): boolean {
    return this.#last;
  }

  respond(head: AnswerHead, body: Uint8Array | null): void {
    this.#status = head.status;
    const text = head.block + this.#tail(this.#last);
    if (body === null) {
      this.given += text.length;
      this.#socket.write(text, "latin1");
    } else if (body.length <= TOGETHER) {
      const bytes = Buffer.allocUnsafe(text.length + body.length);
      bytes.write(text, "latin1");
      bytes.set(body, text.length);
      this.given += bytes.length;
      this.#socket.write(bytes);
    } else {
      this.#head = text;
      void this.write(body);
    }
  }

  begin(head: AnswerHead): void {
    this.#status = head.status;
    let coding = "";
    if (!head.hasLength) {
      // HTTP/1.0 knows no chunks: the end of the connection is the end of the body (RFC 9112 section 6.3).
      this.#chunked = this.request.version === "HTTP/1.1";
      if (this.#chunked) coding = "Transfer-Encoding: chunked\r\n";
      else this.#last = true;
    }
    this.#head = head.block + coding + this.#tail(this.#last);
  }

  write(bytes: Uint8Array): Promise<boolean> {
    const socket = this.#socket;
    if (socket.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const gone = (): void => resolve(false);
      const done = (error?: Error | null): void => {
        socket.off("close", gone);
        resolve((error === null || error === undefined) && !socket.destroyed);
      };
      socket.once("close", gone);
      // Head, frame and bytes in one system call.
      socket.cork();
      this.#sendHead();
      if (this.#chunked) this.#send(`${bytes.length.toString(16)}\r\n`);
      this.given += bytes.length;
      socket.write(bytes, done);
      if (this.#chunked) this.#send("\r\n");
      socket.uncork();
    });
  }

  offer(bytes: Uint8Array, buffers: BufferPool): number {
    const socket = this.#socket;
    let at = 0;
    // A write that the kernel has taken whole is over when it returns; of another, libuv keeps the bytes. One slice is given
    // in any case: of an answer before this one something may wait still.
    while (at < bytes.length && (at === 0 || socket.writableLength === 0) && !socket.destroyed) {
      const slice = buffers.slice();
      const piece = bytes.subarray(at, at + slice.length);
      slice.set(piece);
      at += piece.length;
      this.given += piece.length;
      socket.cork();
      this.#sendHead();
      socket.write(slice.subarray(0, piece.length), () => {
        buffers.giveSlice(slice);
        // The calls of slices that have left come late, when another waits already.
        if (socket.writableLength === 0) this.#settle?.();
      });
      socket.uncork();
    }
    return at;
  }

  taken(): Promise<boolean> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableLength === 0) return Promise.resolve(!socket.destroyed);
    return new Promise((resolve) => {
      const settle = (): void => {
        socket.off("close", settle);
        this.#settle = null;
        resolve(!socket.destroyed);
      };
      this.#settle = settle;
      socket.once("close", settle);
    });
  }

  end(): void {
    this.#sendHead();
    if (!this.#chunked) return;
    this.given += END_OF_CHUNKS.length;
    this.#socket.write(END_OF_CHUNKS);
  }

  cut(): void {
    this.#socket.destroy();
  }

  #sendHead(): void {
    if (this.#head === null) return;
    this.#send(this.#head);
    this.#head = null;
  }

  #send(text: string): void {
    this.given += text.length;
    this.#socket.write(text, "latin1");
  }
}
