import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import type { AtStep, BlobStore } from "../core/ports.ts";
import type { StoredBlob } from "../core/release/retention.ts";
import { type CollectionPlan, type Going, type PlanDoors, planCollection } from "./plan-collection.ts";
import type { ChannelDoors, Report } from "./sync-run.ts";

export interface CollectDoors extends ChannelDoors, Pick<PlanDoors, "digest"> {
  readonly blobs: BlobStore;
  readonly atStep: AtStep;
}

export interface CollectWish {
  /** Of which sources revisions are removed; `null`: of all. */
  readonly only: readonly string[] | null;
  /** The fingerprint of the plan that somebody has seen; `null`: whatever the plan is, as the sources' settings say. */
  readonly agreed: string | null;
  readonly by: string;
  readonly grace: Duration;
}

/**
 * Carries out a collection as it was shown: when what would be removed is no longer what the fingerprint stands for, nothing is,
 * and the answer is `collection.changed-meanwhile`. Removes the revisions that nothing needs, and the blobs that nothing has named
 * for the grace. The order is the reverse of writing, so that whatever a stop leaves behind is merely not yet removed.
 * Ended by `signal` between two blobs, it throws `daemon.stopping`: the next collection goes on.
 */
export async function collectGarbage(
  doors: CollectDoors,
  { only, agreed, by, grace }: CollectWish,
  report: Report,
  signal?: AbortSignal,
): Promise<CollectionPlan | Refusal> {
  const plan = await planCollection(doors, grace, only);
  if (agreed !== null && agreed !== plan.fingerprint)
    return refuse("collection.changed-meanwhile", `the plan is ${plan.fingerprint.slice(0, 12)} now`);
  await removeRevisions(doors, plan.goes, by);
  // Remembered before the first blob goes: the grace of what is loose from now on begins, whatever happens to this run.
  const since = new Map(plan.looseSince);
  await doors.ledger.putLooseBlobs(since);
  await removeBlobs(doors, plan.blobs, since, report, signal);
  return plan;
}

async function removeRevisions(doors: CollectDoors, goes: readonly Going[], by: string): Promise<void> {
  const { ledger, views, clock, events } = doors;
  for (const [source, gone] of Map.groupBy(goes, (one) => one.source)) {
    const revisions = gone.map(({ revision }) => revision);
    const why = gone[0]?.why ?? "";
    await ledger.removeRevisions(source, revisions, { purgedAt: clock.now(), by, why });
    events.emit("revisions.removed", {
      source,
      revisions: rangesText(revisions).slice(0, 1_000),
      count: revisions.length,
      bytes: gone.reduce((sum, { frees }) => sum + frees, 0),
      by,
    });
  }
  doors.atStep("collect.revisions-removed");
  for (const { source, revision } of goes) await views.removeRevision(source, revision);
  doors.atStep("collect.views-removed");
}

/** "1-4, 7": all of them, in little room. */
function rangesText(ascending: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of ascending) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
}

async function removeBlobs(
  doors: CollectDoors,
  blobs: readonly StoredBlob[],
  since: Map<Sha256, Instant>,
  report: Report,
  signal?: AbortSignal,
): Promise<void> {
  let removed = 0;
  let bytes = 0;
  for (const { sha256, size } of blobs) {
    if (signal?.aborted === true) break;
    await doors.blobs.remove(sha256);
    doors.atStep("collect.blob-removed");
    since.delete(sha256);
    removed += 1;
    bytes += size;
    report("removing blobs", removed, blobs.length, "files");
  }
  if (removed > 0) {
    await doors.ledger.putLooseBlobs(since);
    doors.events.emit("store.collected", { blobs: removed, bytes });
  }
  if (removed < blobs.length) throw new Failure("daemon.stopping", "the collection was ended", { retry: "later" });
}
