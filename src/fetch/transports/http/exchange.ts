import { Failure } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { CappedStream } from "../../capped-stream.ts";
import { errorCode } from "../../dial.ts";
import type { Receiver, UpstreamSocket } from "../../upstream-socket.ts";
import { timerFor, whenAborted } from "../../within.ts";
import type { Answer } from "./answer.ts";
import { BodyReader, framingOf } from "./body.ts";
import { HeadReader, malformed, type ResponseHead } from "./response-head.ts";

/** Interim responses (1xx) that are borne before the real one. */
const INTERIM_RESPONSES = 8;
/** The longest body of an error or redirect that is read to its end, so that the connection can be kept. */
const DRAINED_BYTES = 16 * 1024;
/** More pieces than this in one buffer are pushed together: a frame for each byte would be the vendor's to choose. */
const LOOSE_PIECES = 8;

export interface Exchanged {
  readonly answer: Answer;
  /** Whether the connection is in step and may carry another request. */
  readonly reusable: boolean;
}

/**
 * Sends one request and reads its response. `judge` sees the head before any byte of the body, and begins the stream
 * when the body is wanted; any other body is dropped. Resolves when every wanted byte has left the stream. Throws `upstream.malformed`, `upstream.cut-off`, `upstream.timeout`, what the stream throws, and the
 * signal's reason; the caller destroys the socket then.
 */
export async function exchange(
  socket: UpstreamSocket,
  request: string,
  judge: (head: ResponseHead) => Answer,
  stream: CappedStream,
  headWithin: number,
  signal: AbortSignal,
): Promise<Exchanged> {
  signal.throwIfAborted();
  const response = new Response(socket, judge, stream);
  const late = new Failure("upstream.timeout", `no response after ${headWithin} ms`, { retry: "later" });
  const timer = setTimeout(() => response.fail(late), timerFor(headWithin));
  response.onBody = () => clearTimeout(timer);
  const unlisten = whenAborted(signal, (reason) => response.fail(reason));
  try {
    socket.receive(response);
    socket.send(request);
    return await response.finished;
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}

/** One response, driven by the socket. */
class Response implements Receiver {
  readonly finished: Promise<Exchanged>;
  onBody: () => void = () => {};
  readonly #socket: UpstreamSocket;
  readonly #judge: (head: ResponseHead) => Answer;
  readonly #stream: CappedStream;
  readonly #resolve: (exchanged: Exchanged) => void;
  readonly #reject: (cause: unknown) => void;
  #settled = false;
  #interim = 0;
  #headReader = new HeadReader();
  #answer: Answer | null = null;
  #keepsAlive = false;
  #unending = false;
  #body = new BodyReader({ kind: "none" });
  #wanted = false;
  #expected: number | null = null;
  #taken = 0;

  constructor(socket: UpstreamSocket, judge: (head: ResponseHead) => Answer, stream: CappedStream) {
    this.#socket = socket;
    this.#judge = judge;
    this.#stream = stream;
    const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
    this.finished = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  data(piece: Uint8Array): void {
    if (this.#settled) {
      // More than the response: whatever it is, it must not be taken for the next one.
      this.#socket.destroy();
      return;
    }
    try {
      const rest = this.#answer === null ? this.#takeHead(piece) : piece;
      if (this.#answer !== null && rest !== null) this.#takeBody(this.#answer, rest);
    } catch (cause) {
      this.fail(cause);
    }
  }

  end(): void {
    if (this.#settled) return;
    try {
      if (this.#answer === null) throw new Failure("upstream.cut-off", "no response", { retry: "later" });
      this.#body.end();
      this.#finish(this.#answer, false);
    } catch (cause) {
      this.fail(cause);
    }
  }

  broken(cause: Error): void {
    this.fail(new Failure("upstream.cut-off", `connection broke (${errorCode(cause)})`, { cause, retry: "later" }));
  }

  fail(cause: unknown): void {
    this.#settled = true;
    this.#reject(cause);
  }

  /** The bytes after the final head, or `null` while it has not come. */
  #takeHead(piece: Uint8Array): Uint8Array | null {
    let rest = piece;
    for (;;) {
      const read = this.#headReader.push(rest);
      if (read === null) return null;
      rest = read.rest;
      if (read.head.status >= 200) {
        this.#begin(read.head);
        return rest;
      }
      // 101 would hand the connection to another protocol, which nobody asked for.
      if (read.head.status === 101 || ++this.#interim > INTERIM_RESPONSES) throw malformed("interim responses");
      this.#headReader = new HeadReader();
    }
  }

  #begin(head: ResponseHead): void {
    const framing = framingOf(head);
    this.#body = new BodyReader(framing);
    this.#unending = framing.kind === "until-close";
    this.#keepsAlive = !this.#unending && keepsAlive(head);
    const answer = this.#judge(head);
    this.#answer = answer;
    if (answer.kind !== "body") return;
    this.#wanted = true;
    this.#expected = answer.expected;
    this.onBody();
  }

  #takeBody(answer: Answer, piece: Uint8Array): void {
    let mustWait = false;
    for (const bytes of pushedTogether(this.#body.push(piece))) {
      this.#taken += bytes.length;
      if (!this.#wanted) continue;
      if (this.#expected !== null && this.#taken > this.#expected) throw malformed("a body longer than its range");
      mustWait = !this.#stream.write(bytes) || mustWait;
    }
    const enough = this.#wanted ? this.#stream.full : this.#unending || this.#taken > DRAINED_BYTES;
    if (this.#body.done) this.#finish(answer, this.#keepsAlive && this.#body.excess === 0);
    else if (enough) this.#finish(answer, false);
    else if (mustWait) void this.#pauseUntilReady();
  }

  async #pauseUntilReady(): Promise<void> {
    this.#socket.pause();
    await this.#stream.ready();
    this.#socket.resume();
  }

  #finish(answer: Answer, reusable: boolean): void {
    if (this.#settled) return;
    if (this.#wanted && !this.#stream.full && this.#expected !== null && this.#taken < this.#expected) {
      throw new Failure("upstream.cut-off", "a body shorter than its range", { retry: "later" });
    }
    this.#settled = true;
    if (!this.#wanted) {
      this.#resolve({ answer, reusable });
      return;
    }
    void this.#finishWhenReady(answer, reusable);
  }

  /** The last bytes may still lie in the connection's buffer: nothing may be read into it until they have left. */
  async #finishWhenReady(answer: Answer, reusable: boolean): Promise<void> {
    await this.#pauseUntilReady();
    this.#resolve({ answer, reusable });
  }
}

/** RFC 9112 section 9.3. */
function keepsAlive(head: ResponseHead): boolean {
  const options = (head.fields.get("connection") ?? []).join(",").toLowerCase().split(",");
  return head.minor === 1 && !options.some((option) => option.trim() === "close");
}

/** The pieces, moved to lie together where there are many. All are views of one buffer that is ours to change. */
function pushedTogether(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const [first] = pieces;
  if (first === undefined || pieces.length <= LOOSE_PIECES) return pieces;
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const together = new Uint8Array(first.buffer, first.byteOffset, Math.min(total, LIMITS.frameBytes));
  let at = 0;
  for (const piece of pieces) {
    together.set(piece, at);
    at += piece.length;
  }
  return [together];
}
