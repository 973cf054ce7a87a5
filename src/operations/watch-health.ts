import type { HealthVerdict } from "../core/release/health.ts";
import { sourceFacts } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** What was last said of one revision that a ring tries for the next. */
interface RingSeen {
  readonly source: string;
  readonly ring: string;
  readonly revision: number;
  readonly verdict: HealthVerdict;
}

/** By source, ring and revision. */
export type HealthSeen = ReadonlyMap<string, RingSeen>;

/**
 * Looks at what every ring shows whose next ring asks for health, and says once when something begins to speak against
 * it, and when it no longer does. Nothing is decided here: a promotion asks anew.
 */
export async function lookAtHealth(doors: ChannelDoors, before: HealthSeen): Promise<HealthSeen> {
  const seen = new Map<string, RingSeen>();
  for (const { name: source } of await doors.ledger.sources()) {
    const { policy, positions, now } = await sourceFacts(doors, source);
    for (const [index, ring] of policy.rings.entries()) {
      const asks = policy.rings[index + 1]?.health;
      const revision = positions.get(ring.channel)?.revision;
      if (asks === undefined || revision === undefined) continue;
      const place = { source, ring: ring.channel, revision };
      const verdict = await doors.health({ ...place, policy: asks, now });
      const key = `${source} ${ring.channel} ${revision}`;
      seen.set(key, { ...place, verdict });
      tell(doors, place, before.get(key)?.verdict.kind ?? null, verdict);
    }
  }
  return seen;
}

function tell(
  { events }: ChannelDoors,
  place: { readonly source: string; readonly ring: string; readonly revision: number },
  before: HealthVerdict["kind"] | null,
  verdict: HealthVerdict,
): void {
  if (verdict.kind === "suspect" && before !== "suspect") {
    const { since, sureness, reasons } = verdict;
    const codes = reasons.map(({ code }) => code).join(" ");
    const detail = reasons.map(({ detail: each }) => each).join("; ");
    events.emit("revision.suspect", { ...place, since, sureness, reasons: codes, detail });
  }
  if (verdict.kind !== "suspect" && before === "suspect")
    events.emit("revision.cleared", { ...place, verdict: verdict.kind });
}
