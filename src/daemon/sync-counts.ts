import { type Instant, SECOND } from "../core/kernel/instant.ts";
import type { Sample } from "../core/metrics/exposition.ts";
import type { SyncOutcome, SyncTotals } from "../core/model/sync-totals.ts";
import type { Ledger } from "../core/ports.ts";

/** What all runs of one source came to. */
interface SourceCounts {
  readonly outcomes: Map<SyncOutcome, number>;
  readonly refusals: Map<string, number>;
  readonly failures: Map<string, number>;
  bytes: number;
  lastEndedAt: Instant;
  lastGoodAt: Instant | null;
}

/**
 * Runs added up for the metrics. The ledger forgets no run, so that the counters outlast a restart; only what is new
 * since the last question is read.
 */
export class SyncCounts {
  readonly #ledger: Pick<Ledger, "sources" | "syncTotals">;
  readonly #counts = new Map<string, SourceCounts>();
  #through = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ledger: Pick<Ledger, "sources" | "syncTotals">) {
    this.#ledger = ledger;
  }

  /** Of the sources that there are: one that was removed ends its series. */
  async samples(): Promise<readonly Sample[]> {
    // One after the other: two scrapes at once would add the same runs twice.
    const turn = this.#turn.then(() => this.#readOn());
    this.#turn = turn.catch(() => {});
    await turn;
    const names = (await this.#ledger.sources()).map(({ name }) => name);
    return names.flatMap((name) => [...samplesOf(name, this.#counts.get(name))]);
  }

  async #readOn(): Promise<void> {
    const { through, totals } = await this.#ledger.syncTotals(this.#through);
    for (const total of totals) this.#add(total);
    this.#through = through;
  }

  #add({ source, outcome, code, runs, bytes, lastEndedAt }: SyncTotals["totals"][number]): void {
    const counts = this.#counts.get(source) ?? {
      outcomes: new Map(),
      refusals: new Map(),
      failures: new Map(),
      bytes: 0,
      lastEndedAt,
      lastGoodAt: null,
    };
    this.#counts.set(source, counts);
    addTo(counts.outcomes, outcome, runs);
    if (outcome === "refused") addTo(counts.refusals, code ?? "", runs);
    else if (outcome === "failed") addTo(counts.failures, code ?? "", runs);
    else counts.lastGoodAt = Math.max(counts.lastGoodAt ?? 0, lastEndedAt);
    counts.bytes += bytes;
    counts.lastEndedAt = Math.max(counts.lastEndedAt, lastEndedAt);
  }
}

const OUTCOMES: readonly SyncOutcome[] = ["new-revision", "nothing-new", "refused", "failed"];

function* samplesOf(source: string, counts: SourceCounts | undefined): Generator<Sample> {
  // Also those that are 0: a rate over a series that begins with its first refusal would not see that one.
  for (const outcome of OUTCOMES)
    yield ["ringfort_sync_runs_total", [source, outcome], counts?.outcomes.get(outcome) ?? 0];
  yield ["ringfort_sync_fetched_bytes_total", [source], counts?.bytes ?? 0];
  if (counts === undefined) return;
  for (const [code, runs] of counts.refusals) yield ["ringfort_sync_refusals_total", [source, code], runs];
  for (const [code, runs] of counts.failures) yield ["ringfort_sync_failures_total", [source, code], runs];
  yield ["ringfort_sync_last_run_timestamp_seconds", [source], counts.lastEndedAt / SECOND];
  if (counts.lastGoodAt !== null)
    yield ["ringfort_sync_last_success_timestamp_seconds", [source], counts.lastGoodAt / SECOND];
}

function addTo<K>(sums: Map<K, number>, key: K, more: number): void {
  sums.set(key, (sums.get(key) ?? 0) + more);
}
