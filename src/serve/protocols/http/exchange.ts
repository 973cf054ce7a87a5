import type { BufferPool } from "../../buffer-pool.ts";
import type { AnswerHead } from "./answer-head.ts";
import type { RequestFields } from "./request-fields.ts";

/** One request, as its transport read it. */
export interface HttpRequest {
  readonly method: string;
  /** As it was sent. */
  readonly target: string;
  /** "HTTP/1.1". */
  readonly version: string;
  readonly fields: RequestFields;
  /** A body is announced. It is never read: whoever carries the request ends with its answer. */
  readonly hasBody: boolean;
  /** Bytes of the head. */
  readonly length: number;
}

/**
 * One request and the way its answer goes, the same whatever carries it: a connection, one under TLS, a stream of
 * HTTP/2. Either `respond`, or `begin`, any number of `write`, and `end`.
 */
export interface Exchange {
  readonly request: HttpRequest;
  /** Of the answer, once it has been decided; before that 0. */
  readonly status: number;
  /** The whole answer at once. The bytes must not change any more. */
  respond(head: AnswerHead, body: Uint8Array | null): void;
  begin(head: AnswerHead): void;
  /** `false` when the client is gone. The bytes may be used again afterwards: nothing reads them any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /**
   * Whether it is known at once how much a client takes: then `offer` may be used in place of `write`. Under TLS it is
   * not: what is given is sealed as a whole, and stays.
   */
  readonly tellsAtOnce: boolean;
  /**
   * Gives the bytes to the client as far as it takes them without being waited for, and says how many that were, the last
   * small piece included, which may still be on its way. All of it is copied: the bytes may be used again at once.
   */
  offer(bytes: Uint8Array, buffers: BufferPool): number;
  /** Resolves when what was offered has left; `false` when the client is gone. */
  taken(): Promise<boolean>;
  end(): void;
  /** Ends in the middle, so that the client sees that something is missing. */
  cut(): void;
}
