import type { FailureCode } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import type { HostEntry } from "../core/model/host-file.ts";

/** What names one version of a file at a mirror (RFC 9110 section 8.8). */
export interface FileValidators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** Where the bytes of one file go. What it throws ends the transfer and comes out of `fetch`. */
export interface Sink {
  /** The body begins at `offset`; `size` is the whole file's in bytes, where the mirror says. */
  begin(head: { readonly offset: number; readonly size: number | null; readonly validators: FileValidators }): void;
  /** The piece is the sink's until the promise resolves; the mirror waits meanwhile. */
  write(piece: Uint8Array): Promise<void>;
}

export interface FetchWish {
  readonly host: HostEntry;
  /** Below the host's address: segments between `/`, not escaped, without a slash in front. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Bytes of the whole file: a longer one is cut off there. */
  readonly most: number;
  readonly resume: { readonly offset: number; readonly validators: FileValidators } | null;
}

export type FetchEnd =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly detail: string };

/** The network, and mounted shares. */
export interface ClientFetcher {
  fetch(wish: FetchWish, sink: Sink): Promise<FetchEnd>;
}

export interface CommandWish {
  readonly argv: readonly [string, ...string[]];
  /** The whole environment: nothing of the agent's own goes to the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly timeLimit: Duration;
}

export type CommandEnd =
  | { readonly kind: "exit"; readonly code: number; readonly output: string }
  | { readonly kind: "timeout" };

/** All that the agent has of the world beside files. */
export interface ClientDoors {
  readonly fetcher: ClientFetcher;
  readonly now: () => Instant;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Runs a program, never a shell. */
  readonly runCommand: (wish: CommandWish) => Promise<CommandEnd>;
  /** One line of the log: a static dotted name and its fields. */
  readonly event: (name: string, fields: Readonly<Record<string, string | number | null>>) => void;
}
