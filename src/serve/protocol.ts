import type { Socket } from "node:net";
import type { Instant } from "../core/kernel/instant.ts";
import type { FoundFile } from "../core/publish/channel-view.ts";
import type { ServeLimits } from "../wire/jobs.ts";
import type { AccessLog } from "./access-log.ts";
import type { ListenAt } from "./begin-listening.ts";
import type { BlobFault, Blobs } from "./blobs.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Connections } from "./connections.ts";
import type { Gate } from "./gate.ts";
import type { ChannelView } from "./open-view.ts";
import type { Sessions } from "./sessions.ts";
import type { SightingNotes } from "./sightings.ts";

/** What a protocol serves from: one channel, with its walls. */
export interface Serving {
  /** The channel's name. */
  readonly channel: string;
  readonly limits: ServeLimits;
  readonly sessions: Sessions<ChannelView>;
  readonly blobs: Blobs;
  readonly buffers: BufferPool;
  readonly connections: Connections;
  readonly gate: Gate;
  readonly log: AccessLog;
  /** What is seen of clients, for the keeper; `null`: nothing is noted. */
  readonly sightings: SightingNotes | null;
  /** The time of day, for dates that clients and logs see. */
  readonly now: () => Instant;
  /** A clock that never goes back, in milliseconds. */
  readonly elapsed: () => Instant;
  /** A word that nobody can guess, between the parts of a multipart answer. */
  readonly boundary: () => string;
  /** Whether the channel serves nothing, by somebody's order. */
  readonly shutOff: () => boolean;
  /** A file of the view cannot be served. */
  readonly blobMissing: (file: FoundFile, fault: BlobFault) => void;
  /** A view of the channel cannot be read. */
  readonly viewDamaged: (detail: string) => void;
}

/** One connection that was let in, and counted; `wire` is what the kernel counts on, the same without TLS. */
export interface Carried {
  readonly socket: Socket;
  readonly wire: Socket;
  /** The name in the client's certificate; `null` where it showed none. */
  readonly client: string | null;
}

export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Accepts no more, resolves when everything under way is answered, or after the limits' `stopGrace`. */
  stop(): Promise<void>;
}

/** One way to serve a channel. It only ever reads: names are looked up in a view, bytes come from blobs. */
export interface Protocol {
  /** Rejects with `Failure` `listen.failed`. */
  listen(serving: Serving, at: ListenAt): Promise<Listening>;
}
