import type { FetchJob, ListingDialect, Validators } from "../wire/jobs.ts";
import type { CappedStream } from "./capped-stream.ts";

/** What is known of a body when it begins: the `head` answer of `wire/jobs.ts`. */
export interface BodyHead {
  /** Where its first byte stands in the file: 0, or the resume offset. */
  readonly offset: number;
  /** Bytes of the whole file where the upstream said so. */
  readonly size: number | null;
  readonly validators: Validators;
  /** Without login and fragment. */
  readonly finalUrl: string;
  readonly dialect: ListingDialect | null;
}

/** Where the bytes of one job go: a lane in the worker. */
export interface Outlet {
  head(head: BodyHead): void;
  /** Takes bytes without keeping a copy; `false` when they must stay untouched until `drained` resolves. */
  data(piece: Uint8Array): boolean;
  drained(): Promise<void>;
}

/**
 * One way to reach an upstream. A transport belongs to one lane, does one job at a time, and may keep a connection for
 * the next one.
 */
export interface Transport {
  /**
   * Fetches into `stream`, which holds every cap. When it resolves, all bytes have left through the outlet. Throws
   * `Failure`; when `signal` aborts it throws the signal's reason, which is one.
   */
  fetch(job: FetchJob, stream: CappedStream, signal: AbortSignal): Promise<"done" | "not-modified">;
  /** Lets go of kept connections. */
  close(): void;
}
