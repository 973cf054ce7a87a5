import type { Instant } from "../kernel/instant.ts";
import type { HealthPolicy } from "../model/health-policy.ts";

/**
 * Why a revision is not healthy, one code each: what the gate shows, stores and counts. Those of `unproven` clear by
 * themselves or by waiting; those of `suspect` need the canaries back, or a person.
 */
export const HEALTH_REASONS = {
  "health.too-few-canaries": "fewer canaries than the policy asks have fetched the revision and come back well",
  "health.check-missing": "a check that the policy asks for has not spoken yet",
  "health.silent-canaries":
    "more canaries than the policy tolerates have fallen silent since they fetched the revision",
  "health.check-failed": "a check or a report speaks against the revision",
} as const satisfies Record<string, string>;
type HealthCode = keyof typeof HEALTH_REASONS;

interface HealthReason {
  readonly code: HealthCode;
  /** The figures or names, for a person. Strings from outside are cut in it. */
  readonly detail: string;
}

/** Canaries of one ring and one revision, counted. Newcomers without a rhythm are in none of the others. */
export interface CanaryTally {
  /** n: canaries with a rhythm that have fetched the revision, or are alive and may yet. */
  readonly known: number;
  /** Canaries with a rhythm that fetched the revision. */
  readonly fetched: number;
  /** Of these: came back often enough and late enough, and are not overdue now. */
  readonly proven: number;
  /** Of these: miss their rhythm since, or say that they are unwell. */
  readonly silent: number;
  /** Clients without a rhythm that fetched it: they count for nothing. */
  readonly newcomers: number;
  /** When the silence that speaks against the revision began to be one: the moment the last tolerated one was passed. */
  readonly silentSince: Instant | null;
  /** How sure it is that the silence is no accident, from 0 to 1. */
  readonly sureness: number;
}

/** One piece of evidence beside the canaries: a check, a heartbeat, a verdict from outside. */
export interface Testimony {
  /** The check's name. */
  readonly name: string;
  readonly outcome: "good" | "bad";
  readonly code: string;
  readonly at: Instant;
}

interface Seen {
  readonly tally: CanaryTally;
  readonly reasons: readonly HealthReason[];
}

/** What the gate says of one revision in one ring: the release decision takes it as it is. */
export type HealthVerdict =
  | ({ readonly kind: "healthy" } & Seen)
  /** Not enough is known. It clears as canaries come back. */
  | ({ readonly kind: "unproven" } & Seen)
  /** Something speaks against it, since when, and how sure that is (0 to 1). */
  | ({ readonly kind: "suspect"; readonly since: Instant; readonly sureness: number } & Seen);

/** How many silent canaries the policy takes for accidents, of so many that fetched. */
export function toleratedSilence({ silent }: HealthPolicy, fetched: number): number {
  return Math.max(silent.count, Math.floor(silent.share * fetched));
}

/**
 * The gate. What speaks against a revision outweighs everything that speaks for it; of two testimonies of one name the
 * later counts. Pure.
 */
export function judgeHealth(
  policy: HealthPolicy,
  tally: CanaryTally,
  testimonies: readonly Testimony[],
): HealthVerdict {
  const latest = latestOf(testimonies);
  const bad = [...latest.values()].filter(({ outcome }) => outcome === "bad");
  const tolerated = toleratedSilence(policy, tally.fetched);
  const against: HealthReason[] = bad.map(({ name, code }) => ({
    code: "health.check-failed",
    detail: `${name}: ${code}`,
  }));
  const silence = tally.silent > tolerated ? tally.silentSince : null;
  if (silence !== null)
    against.push({
      code: "health.silent-canaries",
      detail: `${tally.silent} of ${tally.fetched} are silent, ${tolerated} are tolerated`,
    });
  if (against.length > 0) {
    const since = Math.min(...bad.map(({ at }) => at), ...(silence === null ? [] : [silence]));
    const sureness = bad.length > 0 ? 1 : tally.sureness;
    return { kind: "suspect", since, sureness, tally, reasons: against };
  }
  const missing = wanting(policy, tally, latest);
  return { kind: missing.length > 0 ? "unproven" : "healthy", tally, reasons: missing };
}

function latestOf(testimonies: readonly Testimony[]): ReadonlyMap<string, Testimony> {
  const latest = new Map<string, Testimony>();
  for (const each of testimonies) {
    const known = latest.get(each.name);
    if (known === undefined || known.at <= each.at) latest.set(each.name, each);
  }
  return latest;
}

function wanting(
  { canaries, share, checks }: HealthPolicy,
  { known, fetched, proven }: CanaryTally,
  latest: ReadonlyMap<string, Testimony>,
): readonly HealthReason[] {
  const reasons: HealthReason[] = [];
  // Whoever took it and was not seen well since is no witness for it, asleep or dead: harm that strikes at the fetch
  // looks just so until morning. The share of n is what keeps harm to half of the canaries from ever passing.
  const least = Math.max(canaries, Math.ceil(share * known));
  if (proven < least)
    reasons.push({
      code: "health.too-few-canaries",
      detail: `${proven} of ${known} have come back well, ${least} are asked for; ${fetched} have fetched it`,
    });
  for (const name of checks.filter((each) => !latest.has(each)))
    reasons.push({ code: "health.check-missing", detail: name });
  return reasons;
}
