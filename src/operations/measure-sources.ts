import { SECOND } from "../core/kernel/instant.ts";
import type { Sample } from "../core/metrics/exposition.ts";
import { laggingSince } from "../core/release/stay.ts";
import { type SourceFacts, sourceFacts } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";
import type { HealthSeen } from "./watch-health.ts";

/** The figures of every source and of what each channel shows of it. */
export async function measureSources(doors: ChannelDoors): Promise<readonly Sample[]> {
  const found: Sample[] = [];
  for (const { name } of await doors.ledger.sources()) found.push(...sourceSamples(await sourceFacts(doors, name)));
  return found;
}

function* sourceSamples({ source, now, policy, positions, revisions, moves }: SourceFacts): Generator<Sample> {
  const newest = revisions[0];
  if (newest !== undefined) yield ["ringfort_source_latest_revision", [source], newest.number];
  for (const { channel, soak, staleness = 0 } of policy.rings) {
    const place = [source, channel];
    const shown = positions.get(channel)?.revision ?? null;
    const sealedAt = revisions.find(({ number }) => number === shown)?.sealedAt;
    if (shown !== null) yield ["ringfort_channel_revision", place, shown];
    if (sealedAt !== undefined)
      yield ["ringfort_channel_content_age_seconds", place, Math.max(0, now - sealedAt) / SECOND];
    const since = laggingSince(shown, revisions, moves);
    yield ["ringfort_channel_lag_seconds", place, since === null ? 0 : Math.max(0, now - since) / SECOND];
    yield ["ringfort_channel_soak_seconds", place, soak / SECOND];
    // 0 is how a policy says that there is none.
    if (staleness > 0) yield ["ringfort_channel_staleness_limit_seconds", place, staleness / SECOND];
  }
}

/** What the canaries say, as of the last look. */
export function* healthSamples(seen: HealthSeen): Generator<Sample> {
  for (const { source, ring, verdict } of seen.values()) {
    yield ["ringfort_revision_suspect", [source, ring], verdict.kind === "suspect" ? 1 : 0];
    for (const state of ["known", "fetched", "proven", "silent"] as const)
      yield ["ringfort_canaries", [source, ring, state], verdict.tally[state]];
  }
}
