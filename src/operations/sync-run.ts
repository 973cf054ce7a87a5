import { Failure, type Refusal } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { HealthPolicy } from "../core/model/health-policy.ts";
import type { Revision } from "../core/model/revision.ts";
import type {
  BlobStore,
  Checker,
  Clock,
  Events,
  Fetcher,
  Inspector,
  Ledger,
  Quarantine,
  SyncRecord,
  Views,
} from "../core/ports.ts";
import type { HealthVerdict } from "../core/release/health.ts";

interface HealthQuestion {
  readonly source: string;
  readonly ring: string;
  readonly revision: number;
  readonly policy: HealthPolicy;
  readonly now: Instant;
}

/** Everything that moving channels asks of the world. `channels`: the configured names in order of promotion. */
export interface ChannelDoors {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly views: Views;
  readonly events: Events;
  readonly channels: readonly string[];
  /** What the clients of a ring say of a revision. */
  readonly health: (asked: HealthQuestion) => Promise<HealthVerdict>;
  /** Why a source is not served in a channel, by somebody's order; `null`: it is. */
  readonly shutOff: (channel: string, source: string) => string | null;
  /** Every such order, one line each: for the record. */
  readonly shutoffs: () => readonly string[];
  /** Tells a channel's server that its pointer file was replaced; resolves when it serves the new one. */
  readonly announce: (channel: string) => Promise<void>;
  /** One pointer file is written at a time: the later of two writers must have seen the earlier one's move. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface SyncDoors extends ChannelDoors {
  readonly fetcher: Fetcher;
  readonly inspector: Inspector;
  readonly quarantine: Quarantine;
  readonly blobs: BlobStore;
  readonly checker: Checker;
}

/** How far a piece of work is, for whoever watches. */
export type Report = (phase: string, done: number, total: number | null, unit: "bytes" | "files" | "steps") => void;

/** The account of one run, kept while it goes. */
export interface Run {
  readonly startedAt: Instant;
  /** Ends the run from outside: the daemon stops, a person cancels. */
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Bytes that came over the line, and files asked for. */
  bytes: number;
  requests: number;
}

export function newRun(startedAt: Instant, signal: AbortSignal, report: Report): Run {
  return { startedAt, signal, report, bytes: 0, requests: 0 };
}

type Outcome = Pick<SyncRecord, "outcome" | "code" | "detail" | "revision">;

/**
 * Runs the road and puts how it ended into words. Refusals are values; a `Failure` is the world's, and recorded; any
 * other exception is a bug and goes through.
 */
export async function outcomeOf(walk: () => Promise<Revision | Refusal | null>): Promise<Outcome> {
  try {
    const result = await walk();
    if (result === null) return { outcome: "nothing-new", code: null, detail: "", revision: null };
    if ("kind" in result) return { outcome: "refused", code: result.code, detail: result.detail, revision: null };
    return { outcome: "new-revision", code: null, detail: "", revision: result.number };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { outcome: "failed", code: error.code, detail: error.message, revision: null };
  }
}
