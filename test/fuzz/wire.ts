import { Socket } from "node:net";

/** A connection with nobody at its other end: what would have come is given to it, what is sent is kept. */
export class Wire extends Socket {
  readonly sent: Buffer[] = [];

  constructor() {
    super();
    const ends = { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1", localPort: 21 };
    for (const [name, value] of Object.entries(ends)) Object.defineProperty(this, name, { value });
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.sent.push(Buffer.from(chunk));
    done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer | string }[], done: (error?: Error) => void): void {
    for (const { chunk } of chunks) this.sent.push(Buffer.from(chunk));
    done();
  }

  override _final(done: (error?: Error) => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
    // A socket says this itself, when its handle is closed; here there is none.
    process.nextTick(() => this.emit("close", error !== null));
  }

  override resetAndDestroy(): this {
    return this.destroy();
  }
}
