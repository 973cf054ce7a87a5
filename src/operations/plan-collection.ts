import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import { isActive } from "../core/model/restraint.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { BlobStore } from "../core/ports.ts";
import {
  judgeRetention,
  planBlobCollection,
  planText,
  type RetentionVerdict,
  type StoredBlob,
  surplusText,
  type WeighedSource,
  weighContents,
} from "../core/release/retention.ts";
import { awaitedRevisions } from "../core/release/stay.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** Revisions that one collection removes; of more, the oldest go first and the rest with the next one. */
const MOST_REVISIONS = 5_000;
/** Moves and proposals of a source that are looked at: all of them. */
const ALL = 1_000_000;

export interface PlanDoors extends Pick<ChannelDoors, "ledger" | "clock"> {
  readonly blobs: Pick<BlobStore, "list">;
  /** The SHA-256 of a text, in hexadecimal. */
  readonly digest: (text: string) => string;
}

/** A revision that goes. */
export interface Going {
  readonly source: string;
  readonly revision: number;
  readonly sealedAt: Instant;
  readonly why: string;
  /** Bytes of what no revision that stays names; what several that go have in common is counted for the first of them. */
  readonly frees: number;
}

/** What a collection would do now, and what it would leave. */
export interface CollectionPlan {
  /** The digest of what would be removed: an order to act names it, so that nothing else is removed than was shown. */
  readonly fingerprint: string;
  readonly goes: readonly Going[];
  readonly stays: readonly RetentionVerdict[];
  /** What no revision names, and nothing has named for the grace. */
  readonly blobs: readonly StoredBlob[];
  /** Bytes that acting frees at once: those of `blobs`. */
  readonly bytes: number;
  /** Blobs that nothing names any more once `goes` is gone, and that are still within the grace; and their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Since when each blob that nothing names has been so. */
  readonly looseSince: ReadonlyMap<Sha256, Instant>;
}

/**
 * Plans a collection: of one source's revisions, of those of some, or (`null`) of all. Whatever nothing names belongs to no source, and
 * is part of every plan. Nothing is written. Throws `source.unknown`.
 */
export async function planCollection(
  doors: PlanDoors,
  grace: Duration,
  only: readonly string[] | null,
): Promise<CollectionPlan> {
  const { ledger, clock, blobs, digest } = doors;
  const now = clock.now();
  const all = await ledger.sources();
  const chosen = all.filter(({ name }) => only?.includes(name) ?? true);
  if (only !== null && chosen.length < only.length) {
    const missing = only.filter((name) => !chosen.some((spec) => spec.name === name));
    throw new Failure("source.unknown", `no source ${missing.join(", ")}`);
  }
  const verdicts: RetentionVerdict[] = [];
  for (const spec of chosen) verdicts.push(...(await judge(doors, spec, grace, now)));
  const surplus = verdicts.filter(({ stays }) => stays.length === 0).toReversed();
  const gone = new Set(surplus.slice(0, MOST_REVISIONS).map(keyOf));
  const { goes, named } = await weigh(doors, all, gone);
  const stored: StoredBlob[] = [];
  for await (const blob of blobs.list()) stored.push(blob);
  const before = await ledger.looseBlobs();
  const looseSince = new Map<Sha256, Instant>();
  for (const { sha256 } of stored) if (!named.has(sha256)) looseSince.set(sha256, before.get(sha256) ?? now);
  const plan = planBlobCollection(stored, named, looseSince, now, grace);
  const bytes = total(plan.remove);
  return {
    fingerprint: digest(planText(goes, plan.remove)),
    goes,
    stays: verdicts.filter((verdict) => !gone.has(keyOf(verdict)) && verdict.stays.length > 0),
    blobs: plan.remove,
    bytes,
    waiting: plan.waiting,
    waitingBytes: total(stored.filter(({ sha256 }) => looseSince.has(sha256))) - bytes,
    looseSince,
  };
}

async function judge(
  { ledger }: PlanDoors,
  spec: SourceSpec,
  grace: Duration,
  now: Instant,
): Promise<readonly RetentionVerdict[]> {
  const source = spec.name;
  const positions = (await ledger.positions()).filter((position) => position.source === source);
  const moves = await ledger.moves(source, ALL);
  const revisions = await ledger.revisions(source);
  const policy = (await ledger.policy(source))?.policy ?? null;
  const places = new Map(positions.map((position) => [position.channel, position]));
  const open = await ledger.proposals({ state: "open", source }, ALL);
  return judgeRetention({
    source,
    rule: spec.retention,
    revisions,
    positions,
    moves,
    awaited: policy === null ? new Set() : awaitedRevisions(policy, places, revisions, moves, now),
    proposed: new Set(open.map(({ revision }) => revision)),
    restraints: (await ledger.restraints(false)).filter((each) => isActive(each, now)),
    now,
    grace,
  });
}

/** What goes, oldest first in each source, with what it frees; and what is still named afterwards. */
async function weigh(
  { ledger }: PlanDoors,
  specs: readonly SourceSpec[],
  gone: ReadonlySet<string>,
): Promise<{ readonly goes: readonly Going[]; readonly named: ReadonlySet<Sha256> }> {
  if (gone.size === 0) return { goes: [], named: new Set((await ledger.referencedBlobs()).keys()) };
  const weighed: WeighedSource[] = [];
  const going: Omit<Going, "frees">[] = [];
  for (const { name: source, retention } of specs) {
    const revisions = (await ledger.revisions(source)).toReversed();
    const goesAway = (revision: number): boolean => gone.has(keyOf({ source, revision }));
    for (const { number: revision, sealedAt } of revisions)
      if (goesAway(revision)) going.push({ source, revision, sealedAt, why: surplusText(retention) });
    const numbers = revisions.map(({ number }) => number);
    weighed.push({
      source,
      kept: numbers.filter((number) => !goesAway(number)),
      gone: numbers.filter(goesAway),
      spans: await ledger.contentSpans(source),
    });
  }
  const { named, freed } = weighContents(weighed);
  const goes = going.map((one) => ({ ...one, frees: freed.get(one.source)?.get(one.revision) ?? 0 }));
  return { goes, named };
}

function keyOf({ source, revision }: { readonly source: string; readonly revision: number }): string {
  return `${source}/${revision}`;
}

function total(blobs: readonly StoredBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
