import { type Instant, MINUTE, SECOND } from "../core/kernel/instant.ts";
import { exposition, type Sample } from "../core/metrics/exposition.ts";
import type { Ledger } from "../core/ports.ts";
import { healthSamples, measureSources } from "../operations/measure-sources.ts";
import type { Verbs } from "./control-server.ts";
import { LEVELS } from "./jails.ts";
import { SyncCounts } from "./sync-counts.ts";
import type { VerbParts } from "./verb-parts.ts";

/** Scrapes come by the dozen: what reads a whole table is read this often. */
const STORE_HOLDS = MINUTE;

/** `/metrics`: every figure as of now, but the store's and the canaries', which may be a minute old. */
export function metricsVerb(parts: VerbParts): Verbs["metrics"] {
  const { doors, healthWatch } = parts;
  const counts = new SyncCounts(doors.ledger);
  const store = storeSize(doors.ledger);
  return async () => {
    const samples: Sample[] = [
      ["ringfort_build_info", [parts.version], 1],
      ["ringfort_start_time_seconds", [], parts.startedAt / SECOND],
      ...(await measureSources(doors)),
      ...healthSamples(healthWatch.seen),
      ...(await counts.samples()),
      ...(await channelSamples(parts)),
    ];
    const { blobs, bytes } = await store(doors.clock.now());
    samples.push(["ringfort_store_blobs", [], blobs], ["ringfort_store_bytes", [], bytes]);
    samples.push(["ringfort_store_free_bytes", [], await doors.blobs.freeBytes()]);
    samples.push(...(await auditSamples(doors.ledger)), ...workerSamples(parts));
    return { text: exposition(samples) };
  };
}

function storeSize(
  ledger: Ledger,
): (now: Instant) => Promise<{ readonly at: Instant; readonly blobs: number; readonly bytes: number }> {
  let kept: { readonly at: Instant; readonly blobs: number; readonly bytes: number } | null = null;
  return async (now) => {
    if (kept !== null && now - kept.at < STORE_HOLDS && now >= kept.at) return kept;
    const blobs = await ledger.referencedBlobs();
    let bytes = 0;
    for (const size of blobs.values()) bytes += size;
    kept = { at: now, blobs: blobs.size, bytes };
    return kept;
  };
}

async function channelSamples({ book, certificates, doors }: VerbParts): Promise<readonly Sample[]> {
  const seen = await book.seenLately();
  return doors.channels.flatMap((channel): readonly Sample[] => [
    ["ringfort_channel_clients", [channel], seen.get(channel) ?? 0],
    ...(book.served === null
      ? []
      : [["ringfort_channel_served_bytes_total", [channel], book.served.get(channel) ?? 0] as const]),
    ...certificates
      .states(channel)
      .map(
        ({ by, notAfter }) =>
          ["ringfort_certificate_expiry_timestamp_seconds", [channel, by], notAfter / SECOND] as const,
      ),
  ]);
}

async function auditSamples(ledger: Ledger): Promise<readonly Sample[]> {
  const [newest] = await ledger.checkpoints(1);
  const entries: Sample = ["ringfort_audit_log_entries", [], await ledger.auditSize()];
  if (newest === undefined) return [entries];
  return [
    entries,
    ["ringfort_audit_log_signed_entries", [], newest.size],
    ["ringfort_audit_log_checkpoint_timestamp_seconds", [], newest.at / SECOND],
  ];
}

function* workerSamples({ workers }: VerbParts): Generator<Sample> {
  for (const { state } of workers.states()) {
    const { role, pid, restarts, level } = state;
    yield ["ringfort_worker_up", [role], pid === null ? 0 : 1];
    yield ["ringfort_worker_restarts_total", [role], restarts];
    if (level !== null) yield ["ringfort_worker_confinement_level", [role], LEVELS.indexOf(level)];
  }
}
