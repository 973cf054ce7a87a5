import type { Instant } from "../core/kernel/instant.ts";
import {
  type ClientReport,
  MOST_AGENT,
  type SightingProtocol,
  type SightingResult,
} from "../core/model/client-sighting.ts";
import { REPORT_FILE } from "../core/publish/channel-document.ts";
import type { FoundFile } from "../core/publish/channel-view.ts";
import { MOST_ABOUT, MOST_CODE, type SightingBatch } from "../wire/sightings.ts";
import { Coverage } from "./coverage.ts";

/** Different clients and files that wait for the next message; past it what is new is lost, and counted. */
const MOST_WAITING = 32_768;
const MOST_REPORTS = 1_024;
/** Bytes of one message, by an estimate that is never too low: below what the keeper takes of a server. */
const MOST_MESSAGE = 96 * 1024;
/** Messages at once. */
const MOST_MESSAGES = 16;
/** Characters of a path that names no file. */
const MOST_ODD_PATH = 256;

/** One end of a connection, as sightings name it. */
export interface Seen {
  /** Its address, or its certificate's name. */
  readonly name: string;
  readonly agent: string;
  readonly protocol: SightingProtocol;
}

/** What was asked for: a file, or a name of a source. */
export type SeenFile =
  | FoundFile
  | { readonly kind?: "directory"; readonly source: string; readonly revision: number; readonly path: string };

interface Row {
  readonly who: Seen;
  readonly file: SeenFile;
  at: Instant;
  result: SightingResult;
  bytes: number;
}

/** Of two requests for one file, the one that says more of what the client has. */
const WEIGHT: Readonly<Record<SightingResult, number>> = { missing: 0, looked: 1, unchanged: 2, partial: 3, whole: 4 };

/**
 * What this server sees of its clients, for the keeper: merged for about a second, then sent. Serving never waits for
 * it: while the keeper is slow what comes is merged with what waits, and lost, and counted, when that is too much.
 */
export class SightingNotes {
  readonly #send: (batch: SightingBatch) => void;
  readonly #ready: () => boolean;
  readonly #now: () => Instant;
  readonly #coverage = new Coverage();
  readonly #files = new Map<string, Map<string, Row>>();
  #reports: (ClientReport & { readonly who: Seen })[] = [];
  #waiting = 0;
  #lost = 0;

  /** `ready`: whether the keeper has taken what was sent before. */
  constructor(options: {
    readonly send: (batch: SightingBatch) => void;
    readonly ready: () => boolean;
    readonly now: () => Instant;
  }) {
    this.#send = options.send;
    this.#ready = options.ready;
    this.#now = options.now;
  }

  /**
   * Parts of a file were sent. `complete`: all that was promised; else `bytes` of the first part, at most, which
   * matters where the client then asks for the rest.
   */
  sent(
    who: Seen,
    file: FoundFile,
    parts: readonly { readonly first: number; readonly last: number }[],
    { bytes, complete }: { readonly bytes: number; readonly complete: boolean },
  ): void {
    const [first] = parts;
    if (first === undefined) return;
    // An empty file is whole when its answer is: it has no last byte.
    if (complete && first.first === 0 && first.last === file.size - 1) return this.note(who, file, "whole", bytes);
    const had = complete ? parts : [{ first: first.first, last: Math.min(first.last, first.first + bytes - 1) }];
    const key = `${keyOf(who)} ${file.sha256} ${file.path}`;
    const whole = this.#coverage.add(key, bytes === 0 ? [] : had, file.size) && complete;
    this.note(who, file, whole ? "whole" : "partial", bytes);
  }

  note(who: Seen, file: SeenFile, result: SightingResult, bytes: number): void {
    const what = `${file.revision} ${file.source} ${file.kind === "file" ? file.path : file.path.slice(0, MOST_ODD_PATH)}`;
    let rows = this.#files.get(what);
    const client = keyOf(who);
    const row = rows?.get(client);
    if (row !== undefined) {
      row.at = this.#now();
      row.bytes += bytes;
      if (WEIGHT[result] > WEIGHT[row.result]) row.result = result;
      return;
    }
    if (this.#waiting >= MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    if (rows === undefined) this.#files.set(what, (rows = new Map()));
    rows.set(client, { who, file, at: this.#now(), result, bytes });
    this.#waiting += 1;
  }

  /** A client's report of itself, by the query it came with. What it says is its own word, cut. */
  report(who: Seen, channel: string, path: string, query: string): void {
    if (path !== `/${REPORT_FILE}`) return;
    const said = new URLSearchParams(query);
    const about = plain(said.get("product") ?? said.get("about") ?? "", MOST_ABOUT) || "heartbeat";
    const outcome = said.get("result") ?? "ok";
    if (outcome !== "ok" && outcome !== "failed" && outcome !== "back") return;
    const source = said.get("source") ?? "";
    if (this.#reports.length >= MOST_REPORTS || !/^[a-z0-9-]{0,63}$/.test(source)) {
      this.#lost += 1;
      return;
    }
    const code = plain(said.get("code") ?? "", MOST_CODE);
    this.#reports.push({ at: this.#now(), client: who, who, channel, about, outcome, code, source });
  }

  /** Sends what waits, as far as the keeper takes it. */
  flush(): void {
    for (let messages = 0; messages < MOST_MESSAGES && this.#ready(); messages += 1) {
      if (this.#waiting === 0 && this.#reports.length === 0 && this.#lost === 0) return;
      this.#send(this.#take());
    }
  }

  #take(): SightingBatch {
    const batch = new BatchWriter(this.#lost);
    this.#lost = 0;
    for (let report = this.#reports.shift(); report !== undefined; report = this.#reports.shift()) {
      batch.report(report);
      if (batch.full) return batch.batch;
    }
    for (const [what, rows] of this.#files) {
      for (const [client, row] of rows) {
        if (batch.full) return batch.batch;
        batch.row(row);
        rows.delete(client);
        this.#waiting -= 1;
      }
      this.#files.delete(what);
    }
    return batch.batch;
  }
}

/** One message as it grows. */
class BatchWriter {
  readonly batch: { -readonly [K in keyof SightingBatch]: SightingBatch[K] };
  readonly #clients = new Map<string, number>();
  readonly #files = new Map<SeenFile, number>();
  #bytes = 0;

  constructor(lost: number) {
    this.batch = { kind: "sightings", clients: [], files: [], seen: [], reports: [], lost };
  }

  get full(): boolean {
    return this.#bytes > MOST_MESSAGE || this.batch.seen.length + this.batch.reports.length >= 2_048;
  }

  row({ who, file, at, result, bytes }: Row): void {
    this.batch.seen.push([at, this.#client(who), this.#file(file), who.protocol, result, bytes]);
    this.#bytes += 64;
  }

  report({ who, at, about, outcome, code, source }: ClientReport & { readonly who: Seen }): void {
    this.batch.reports.push([at, this.#client(who), about, outcome, code, source]);
    this.#bytes += 128 + 3 * (about.length + code.length);
  }

  #client(who: Seen): number {
    const key = keyOf(who);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const [name, agent] = [plain(who.name, 255) || "?", plain(who.agent, MOST_AGENT)];
    this.#clients.set(key, this.batch.clients.length);
    this.#bytes += name.length + 2 * agent.length + 8;
    return this.batch.clients.push([name, agent]) - 1;
  }

  #file(file: SeenFile): number {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    this.#files.set(file, this.batch.files.length);
    this.#bytes += 160 + 4 * Math.min(file.path.length, 1_024);
    const sha256 = file.kind === "file" ? file.sha256 : null;
    // A name that is there is a safe one; one that is not is whatever a client chose to send.
    const path = file.kind === "file" ? file.path : plain(file.path, MOST_ODD_PATH);
    return this.batch.files.push([file.source, file.revision, path, sha256]) - 1;
  }
}

function keyOf({ name, agent, protocol }: Seen): string {
  return `${name} ${protocol} ${agent}`;
}

/** Text as it may stand in the ledger and on a terminal. */
function plain(text: string, most: number): string {
  return text
    .slice(0, most)
    .replace(/[^ -~]/g, "?")
    .trim();
}
