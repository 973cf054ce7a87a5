import { setTimeout as delay } from "node:timers/promises";
import { LaneTransports, runJob } from "../../src/fetch/run-job.ts";
import type { BodyHead } from "../../src/fetch/transport.ts";
import type { FetchAnswer, FetchJob } from "../../src/wire/jobs.ts";

/** What a job may change of the defaults below. */
export type JobParts = Partial<Omit<FetchJob, "kind" | "caps" | "network">> & {
  readonly caps?: Partial<FetchJob["caps"]>;
  readonly network?: Partial<FetchJob["network"]>;
};

/** A whole job: generous caps, no proxy, no login, nothing allowed. */
export function fetchJob(url: string, parts: JobParts = {}): FetchJob {
  return {
    kind: "fetch",
    url,
    list: false,
    first: null,
    resume: null,
    unless: null,
    ...parts,
    caps: {
      bytes: 100_000_000,
      wallTime: 20_000,
      leastRate: 0,
      leastRateWindow: 10_000,
      redirects: 3,
      connectTimeout: 5_000,
      ...parts.caps,
    },
    network: {
      proxy: null,
      login: null,
      allowSchemeChange: false,
      allowInside: false,
      authorities: [],
      ...parts.network,
    },
  };
}

export interface Outcome {
  readonly answer: FetchAnswer;
  /** "done", "not-modified", or the code of the failure. */
  readonly end: string;
  readonly head: BodyHead | null;
  readonly bytes: Uint8Array;
}

export interface RunOptions {
  /** Milliseconds that the reader takes over each piece. The piece is looked at only after that. */
  readonly slow?: number;
  /** Only so many pieces are taken slowly. */
  readonly slowPieces?: number;
  readonly cancel?: AbortSignal;
  /** A lane's transports, to see connections kept between jobs. */
  readonly transports?: LaneTransports;
  readonly onData?: (total: number) => void;
}

/** Runs one job as a lane would, and gathers what comes out. */
export async function runFetch(job: FetchJob, options: RunOptions = {}): Promise<Outcome> {
  const transports = options.transports ?? new LaneTransports("Ringfort/test");
  const pieces: Uint8Array[] = [];
  let head: BodyHead | null = null;
  let total = 0;
  let slowly = options.slowPieces ?? Number.POSITIVE_INFINITY;
  let busy: Promise<void> = Promise.resolve();
  const outlet = {
    head: (begun: BodyHead): void => {
      head = begun;
    },
    data: (piece: Uint8Array): boolean => {
      total += piece.length;
      options.onData?.(total);
      if (options.slow === undefined) {
        pieces.push(Uint8Array.from(piece));
        return true;
      }
      busy = takeLater(busy, piece, slowly-- > 0 ? options.slow : 0, pieces);
      return false;
    },
    drained: (): Promise<void> => busy,
  };
  const cancel = options.cancel ?? new AbortController().signal;
  const answer = await runJob(job, outlet, transports, cancel, () => performance.now());
  if (options.transports === undefined) transports.close();
  const end = answer.kind === "failed" ? answer.code : answer.kind;
  return { answer, end, head, bytes: Buffer.concat(pieces) };
}

/** Reads the piece only when its time has come, as a lane under back-pressure does: a buffer reused early shows. */
async function takeLater(before: Promise<void>, piece: Uint8Array, slow: number, pieces: Uint8Array[]): Promise<void> {
  await before;
  await delay(slow);
  pieces.push(Uint8Array.from(piece));
}

/** Bytes that look like nothing else at any place, so that a part put in a wrong place shows. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
