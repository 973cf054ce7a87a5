import { createHash } from "node:crypto";
import * as z from "zod";
import { Failure } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { Fetched, Fetcher, FetchWish, Landing, Quarantine } from "../core/ports.ts";
import { type FetchAnswer, type FetchJob, fetchAnswer, validators } from "../wire/jobs.ts";
import type { Lane } from "../wire/lane.ts";
import type { JobLanes } from "./job-lanes.ts";

/** How often one address is tried again after a fault that may pass, resuming where it stopped. */
const TRIES = 3;
const PAUSE_BETWEEN_TRIES = 250;

/** Faults after which what came may be the beginning of the same file. */
const RESUMABLE: ReadonlySet<string> = new Set([
  "upstream.cut-off",
  "upstream.stalled",
  "upstream.unreachable",
  "upstream.timeout",
  "worker.died",
  "daemon.stopping",
]);

/** What is remembered of an interrupted download. */
const heldNote = z.strictObject({ url: z.string(), validators });
type Held = z.infer<typeof heldNote>;

export interface FetchDoorParts {
  readonly quarantine: Quarantine;
  /** The lanes of the process that may reach this address. */
  readonly lanesFor: (address: string) => JobLanes;
  /** Reads a password file of the operator's. */
  readonly readSecret: (file: string) => Promise<string>;
}

/** The fetcher: gives jobs to the fetch process and lands what comes, counting it a second time on our side of the wall. */
export function openFetchDoor(parts: FetchDoorParts): Fetcher {
  return {
    fetch: async (source, wish, signal) => {
      const url = urlBelow(source.addresses[wish.address] ?? "", wish.path);
      const network = await networkOf(source, parts);
      const began = performance.now();
      let { wallTime } = wish;
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await new Download(
            parts,
            source,
            { ...wish, wallTime: Math.ceil(wallTime) },
            url,
            network,
            signal,
          ).run();
        } catch (error) {
          if (!(error instanceof Failure) || !mayPass(error) || signal.aborted || attempt >= TRIES) throw error;
          wallTime = wish.wallTime - (performance.now() - began);
          if (wallTime <= PAUSE_BETWEEN_TRIES * attempt) throw error;
          await new Promise((resolve) => setTimeout(resolve, PAUSE_BETWEEN_TRIES * attempt));
        }
      }
    },
  };
}

/** Whether a next try may bring what this one did not: from where it stopped, or of the version that is there now. */
function mayPass(error: Failure): boolean {
  return error.retry === "later" && (RESUMABLE.has(error.code) || error.code === "upstream.changed");
}

/**
 * The address of a path below a source's address: each segment percent-encoded, so that none can leave it. A dollar may
 * stand as it is (RFC 3986 section 3.3), and LiveUpdate's names are asked for with it: `$20` is three characters there,
 * which a server that looks names up as they were sent would not find under `%2420`.
 */
function urlBelow(address: string, path: string): string {
  const base = address.endsWith("/") ? address : `${address}/`;
  const below = path
    .split("/")
    .map((segment) => encodeURIComponent(segment).replaceAll("%24", "$$"))
    .join("/");
  return new URL(below === "" ? base : base + below).href;
}

async function networkOf({ network }: SourceSpec, { readSecret }: FetchDoorParts): Promise<FetchJob["network"]> {
  const login = async (given: { readonly user: string; readonly passwordFile: string } | undefined) =>
    given === undefined ? null : { user: given.user, password: await readSecret(given.passwordFile) };
  const proxy = network.proxy === undefined ? null : new URL(network.proxy);
  return {
    proxy:
      proxy === null
        ? null
        : { host: proxy.hostname, port: Number(proxy.port || 80), login: await login(network.proxyLogin) },
    login: await login(network.login),
    allowSchemeChange: network.allowSchemeChange,
    allowInside: network.allowInside,
    authorities: network.authorities,
  };
}

/** One try at one file. */
class Download {
  readonly #parts: FetchDoorParts;
  readonly #source: SourceSpec;
  readonly #wish: FetchWish;
  readonly #url: string;
  readonly #network: FetchJob["network"];
  readonly #signal: AbortSignal;
  readonly #key: string;
  #landing: Landing | null = null;
  #opening: Promise<void> | null = null;
  /** Pieces that came before the landing was open: at most what one read of the lane holds, for it is paused meanwhile. */
  #early: Uint8Array[] = [];
  #head: Extract<FetchAnswer, { kind: "head" }> | null = null;
  #end: Exclude<FetchAnswer, { kind: "head" }> | null = null;
  /** Why we ended it ourselves; what the worker says after that does not count. */
  #ours: Failure | null = null;
  /** Calls the job off, once it has begun. */
  #cancel: (() => void) | null = null;

  constructor(
    parts: FetchDoorParts,
    source: SourceSpec,
    wish: FetchWish,
    url: string,
    network: FetchJob["network"],
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#source = source;
    this.#wish = wish;
    this.#url = url;
    this.#network = network;
    this.#signal = signal;
    this.#key = createHash("sha256").update(`${source.name}\n${wish.path}`).digest("hex");
  }

  async run(): Promise<Fetched> {
    const resume = await this.#resumable();
    const lanes = this.#parts.lanesFor(this.#source.addresses[this.#wish.address] ?? "");
    const onAbort = (): void => {
      const reason: unknown = this.#signal.reason;
      this.#stop(
        reason instanceof Failure
          ? reason
          : new Failure("daemon.stopping", "the transfer was ended", { retry: "later" }),
      );
    };
    if (this.#signal.aborted) onAbort();
    if (this.#ours !== null) throw this.#ours;
    this.#signal.addEventListener("abort", onAbort, { once: true });
    try {
      await lanes.run({
        request: this.#job(resume),
        limit: this.#wish.wallTime + 30 * SECOND,
        started: (lane, cancel) => {
          this.#cancel = () => {
            // Whatever the disk still has to do: its answer must be heard.
            lane.resume();
            cancel();
          };
          if (this.#ours !== null) this.#cancel();
        },
        message: (value, from) => this.#message(fetchAnswer.parse(value), resume, from),
        data: (piece, from) => this.#data(piece, from),
      });
      return await this.#settle();
    } catch (error) {
      const why = this.#ours ?? error;
      await this.#abandon(why);
      throw why;
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  async #resumable(): Promise<FetchJob["resume"]> {
    if (this.#wish.list || this.#wish.first !== null) return null;
    const held = await this.#parts.quarantine.held(this.#key);
    if (held === null || held.size === 0 || held.size >= this.#wish.most) return null;
    const note = readNote(held.note);
    return note?.url === this.#url ? { offset: held.size, validators: note.validators } : null;
  }

  #job(resume: FetchJob["resume"]): FetchJob {
    const { budget, network } = this.#source;
    const { most, wallTime, list, first, unless } = this.#wish;
    return {
      kind: "fetch",
      url: this.#url,
      list,
      first,
      resume,
      unless: unless === null ? null : { etag: unless.etag, lastModified: unless.lastModified },
      caps: {
        bytes: most,
        wallTime,
        leastRate: budget.leastRate,
        leastRateWindow: Math.max(1, budget.leastRateWindow),
        redirects: budget.redirects,
        connectTimeout: Math.max(1, network.connectTimeout),
      },
      network: this.#network,
    };
  }

  #message(answer: FetchAnswer, resume: FetchJob["resume"], lane: Lane): boolean {
    if (answer.kind !== "head") {
      this.#end = answer;
      return true;
    }
    if (this.#head !== null || (answer.offset !== 0 && answer.offset !== resume?.offset))
      throw new Failure("worker.protocol", "a head out of place");
    this.#head = answer;
    if (answer.size !== null) this.#wish.announced?.(Math.max(0, answer.size - answer.offset));
    lane.pause();
    this.#opening = this.#open(answer.offset)
      .catch((error: unknown) => this.#stop(asFailure(error)))
      .finally(() => lane.resume());
    return false;
  }

  async #open(offset: number): Promise<void> {
    const landing = await this.#parts.quarantine.land(this.#key, {
      most: this.#wish.most,
      resume: offset > 0,
      sha512: this.#wish.sha512,
    });
    this.#landing = landing;
    // What was held did not hash to what was noted, and is gone: the end of a file without its beginning would land.
    if (landing.size !== offset)
      throw new Failure("upstream.changed", "what was held of the file is damaged", { retry: "later" });
    for (const piece of this.#early) landing.write(piece);
    this.#early = [];
    await landing.ready();
  }

  #data(piece: Uint8Array, lane: Lane): void {
    if (this.#ours !== null) return;
    // Nobody has paused the lane for it: kept for a head that never comes, it would fill our memory.
    if (this.#head === null) throw new Failure("worker.protocol", "a body without a head");
    this.#wish.progress(piece.length);
    if (this.#landing === null) {
      this.#early.push(Uint8Array.from(piece));
      return;
    }
    try {
      if (this.#landing.write(piece)) return;
      lane.pause();
      this.#landing
        .ready()
        .catch((error: unknown) => this.#stop(asFailure(error)))
        .finally(() => lane.resume());
    } catch (error) {
      this.#stop(asFailure(error));
    }
  }

  /** Ends the job from our side; the worker's closing answer frees the lane. */
  #stop(why: Failure): void {
    if (this.#ours !== null) return;
    this.#ours = why;
    this.#cancel?.();
  }

  async #settle(): Promise<Fetched> {
    await this.#opening;
    if (this.#ours !== null) throw this.#ours;
    const end = this.#end;
    if (end === null) throw new Failure("worker.protocol", "a job that ended without an answer");
    const head = this.#head;
    if (end.kind === "failed" && (end.code !== "upstream.not-found" || head !== null))
      throw new Failure(end.code, end.detail, { retry: end.retry });
    // A 304 to a question that did not ask for one would be taken for "nothing new", also where nothing is held.
    if (end.kind === "not-modified" && this.#wish.unless === null)
      throw new Failure("worker.protocol", "not modified, though nobody asked by a version");
    if (end.kind !== "done" && head === null) return { kind: end.kind === "failed" ? "absent" : "not-modified" };
    if (end.kind !== "done" || head === null || this.#landing === null)
      throw new Failure("worker.protocol", "a head without a body, or a body without a head");
    const landed = await this.#landing.finish();
    return {
      kind: "landed",
      landed,
      etag: head.validators.etag,
      lastModified: head.validators.lastModified,
      dialect: head.dialect,
    };
  }

  async #abandon(error: unknown): Promise<void> {
    await this.#opening;
    // Held bytes of another version would be offered again, and be refused again, at every further try.
    if (this.#landing === null && error instanceof Failure && error.code === "upstream.changed")
      this.#landing = await this.#parts.quarantine.land(this.#key, { most: 0, resume: false, sha512: false });
    if (this.#landing === null) return;
    const version = this.#head?.validators ?? { etag: null, lastModified: null };
    const named = version.etag !== null || version.lastModified !== null;
    const keep =
      error instanceof Failure &&
      RESUMABLE.has(error.code) &&
      named &&
      this.#wish.first === null &&
      !this.#wish.list &&
      this.#landing.size > 0;
    // The note first, and with it the bytes: bytes without a note could never be used again.
    if (keep)
      await this.#parts.quarantine.note(
        this.#key,
        JSON.stringify({ url: this.#url, validators: version } satisfies Held),
      );
    await this.#landing.abandon(keep);
  }
}

/** Our own note of an earlier try; `null` when it was cut off, or is of an older Ringfort. */
function readNote(text: string): Held | null {
  try {
    return heldNote.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function asFailure(error: unknown): Failure {
  return error instanceof Failure
    ? error
    : new Failure("store.io", error instanceof Error ? error.message : "unknown", { cause: error });
}
