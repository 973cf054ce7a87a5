import { Failure, quoteUrl } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { FetchAnswer, FetchJob } from "../wire/jobs.ts";
import { CappedStream } from "./capped-stream.ts";
import { TRANSPORTS } from "./registry.ts";
import type { Outlet, Transport } from "./transport.ts";

/** The longest detail that an answer may carry (`wire/jobs.ts`). */
const DETAIL_LENGTH = 4_096;

/** The transports of one lane, made when first needed and kept, with their connections, for the lane's next job. */
export class LaneTransports {
  readonly #userAgent: string;
  readonly #open = new Map<string, Transport>();

  constructor(userAgent: string) {
    this.#userAgent = userAgent;
  }

  /** Throws `address.unsupported`. */
  for(url: string): Transport {
    const scheme = URL.canParse(url) ? new URL(url).protocol : "";
    const known = this.#open.get(scheme);
    if (known !== undefined) return known;
    const make = Object.hasOwn(TRANSPORTS, scheme) ? TRANSPORTS[scheme] : undefined;
    if (make === undefined) throw new Failure("address.unsupported", `no transport for ${quoteUrl(url)}`);
    const transport = make(this.#userAgent);
    this.#open.set(scheme, transport);
    return transport;
  }

  close(): void {
    for (const transport of this.#open.values()) transport.close();
  }
}

/**
 * Does one job and gives the message that closes it. `cancel` aborts with a `Failure` as its reason. Throws only on a
 * bug.
 */
export async function runJob(
  job: FetchJob,
  outlet: Outlet,
  transports: LaneTransports,
  cancel: AbortSignal,
  now: () => Instant,
): Promise<FetchAnswer> {
  const stream = new CappedStream(outlet, job.caps, job.first, now);
  try {
    const signal = AbortSignal.any([cancel, stream.signal]);
    return { kind: await transports.for(job.url).fetch(job, stream, signal) };
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    const detail = cause.message.slice(0, DETAIL_LENGTH);
    return { kind: "failed", code: cause.code, detail, retry: cause.retry };
  } finally {
    stream.end();
  }
}
