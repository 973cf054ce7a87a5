import { readFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { AgentConfig } from "../client/agent-config.ts";
import type { ClientFetcher, FetchEnd, FetchWish, Sink } from "../client/doors.ts";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import { LaneTransports, runJob } from "../fetch/run-job.ts";
import type { Outlet } from "../fetch/transport.ts";
import type { FetchJob } from "../wire/jobs.ts";

const SECOND = 1_000;

/** The agent's network: the same transports and caps as the mirror's, in the agent's own process. */
export function agentFetcher(userAgent: string, limits: AgentConfig["limits"]): ClientFetcher & { close(): void } {
  const transports = new LaneTransports(userAgent);
  return {
    fetch: async (wish, sink) => await fetchOne(wish, sink, transports, limits),
    close: () => transports.close(),
  };
}

async function fetchOne(
  wish: FetchWish,
  sink: Sink,
  transports: LaneTransports,
  limits: AgentConfig["limits"],
): Promise<FetchEnd> {
  const cancel = new AbortController();
  const feed = new SinkFeed(sink, cancel, limits.bytesPerSecond ?? null);
  const job = await jobFor(wish, limits);
  const answer = await runJob(job, feed, transports, cancel.signal, () => performance.now());
  await feed.settled();
  if (answer.kind !== "failed") return { kind: "done" };
  return { kind: "failed", code: answer.code, detail: answer.detail };
}

/** Hands pieces to the sink one at a time, no faster than allowed, and ends the transfer when the sink throws. */
class SinkFeed implements Outlet {
  readonly #sink: Sink;
  readonly #cancel: AbortController;
  readonly #rate: number | null;
  #pending: Promise<void> = Promise.resolve();
  #fault: { readonly cause: unknown } | null = null;
  #began = 0;
  #bytes = 0;

  constructor(sink: Sink, cancel: AbortController, rate: number | null) {
    this.#sink = sink;
    this.#cancel = cancel;
    this.#rate = rate;
  }

  head(head: Parameters<Outlet["head"]>[0]): void {
    this.#began = performance.now();
    try {
      this.#sink.begin(head);
    } catch (cause) {
      throw this.#stop(cause);
    }
  }

  data(piece: Uint8Array): boolean {
    this.#pending = this.#pending.then(() => this.#take(piece));
    return false;
  }

  async drained(): Promise<void> {
    await this.#pending;
  }

  /** Throws what the sink has thrown: that it was the reason for the end comes before how the transport put it. */
  async settled(): Promise<void> {
    await this.#pending;
    if (this.#fault !== null) throw this.#fault.cause;
  }

  async #take(piece: Uint8Array): Promise<void> {
    if (this.#fault !== null) return;
    try {
      await this.#sink.write(piece);
      await this.#pace(piece.length);
    } catch (cause) {
      this.#cancel.abort(this.#stop(cause));
    }
  }

  /** The mirror waits while we do: its bytes stay in the network's own buffers. */
  async #pace(bytes: number): Promise<void> {
    if (this.#rate === null) return;
    this.#bytes += bytes;
    const early = (this.#bytes / this.#rate) * SECOND - (performance.now() - this.#began);
    if (early > 1) await wait(early);
  }

  #stop(cause: unknown): Failure {
    this.#fault ??= { cause };
    return new Failure("upstream.cut-off", "ended from this side");
  }
}

async function jobFor(wish: FetchWish, limits: AgentConfig["limits"]): Promise<FetchJob> {
  return {
    kind: "fetch",
    url: urlOf(wish),
    list: false,
    first: null,
    resume: wish.resume,
    unless: null,
    caps: {
      bytes: wish.most,
      wallTime: limits.fileTime,
      leastRate: limits.leastRate,
      leastRateWindow: 30 * SECOND,
      // A mirror serves; whoever leads a client elsewhere is none.
      redirects: 0,
      connectTimeout: 10 * SECOND,
    },
    network: {
      proxy: null,
      login: await loginOf(wish.host),
      allowSchemeChange: false,
      // A mirror is inside, as a rule.
      allowInside: true,
      authorities: [],
    },
  };
}

function urlOf({ host, path, query }: FetchWish): string {
  const { type, address } = host;
  if (type === "share") {
    // `\\server\share` is no path here: joined to the working folder it would name something else.
    if (process.platform !== "win32" && !address.startsWith("/"))
      throw new Failure("address.unsupported", "this share is a path of another family of systems");
    return pathToFileURL(`${address.replace(/[\\/]$/, "")}/${path}`).href;
  }
  // `$` may stand in a path as it is (RFC 3986 section 3.3), and servers of LiveUpdate are asked for `$20`.
  const below = path.split("/").map((segment) => encodeURIComponent(segment).replaceAll("%24", "$"));
  const url = new URL(below.join("/"), address.endsWith("/") ? address : `${address}/`);
  for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value);
  return url.href;
}

async function loginOf({ login, passwordFile }: HostEntry): Promise<FetchJob["network"]["login"]> {
  if (login === undefined) return null;
  if (passwordFile === undefined) return { user: login, password: "" };
  try {
    return { user: login, password: (await readFile(passwordFile, "utf8")).replace(/\r?\n$/, "") };
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new Failure("config.unreadable", `${quoteOutside(passwordFile, 300)} cannot be read`, { cause });
  }
}
