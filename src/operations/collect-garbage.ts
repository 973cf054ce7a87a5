import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Duration, Instant } from "../core/kernel/instant.ts";
import type { AtStep, BlobStore } from "../core/ports.ts";
import { planBlobCollection, type StoredBlob, type Surplus, surplusRevisions } from "../core/release/retention.ts";
import { awaitedRevisions } from "../core/release/stay.ts";
import type { ChannelDoors, Report } from "./sync-run.ts";

export interface CollectDoors extends ChannelDoors {
  readonly blobs: BlobStore;
  readonly atStep: AtStep;
}

export interface Collected {
  readonly revisions: readonly Surplus[];
  readonly blobs: readonly StoredBlob[];
  readonly bytes: number;
  /** Unreferenced blobs that are still within the grace. */
  readonly waiting: number;
}

/**
 * Forgets the revisions that nothing needs and removes the blobs that nothing has named for longer than the grace. The
 * order is the reverse of writing, so that whatever a stop leaves behind is merely not yet removed. A preview
 * decides the same and does nothing. Ended by `signal` between two blobs, it throws `daemon.stopping`: the next
 * collection goes on.
 */
export async function collectGarbage(
  doors: CollectDoors,
  grace: Duration,
  preview: boolean,
  report: Report,
  signal?: AbortSignal,
): Promise<Collected> {
  const { ledger, views, clock } = doors;
  const revisions = await surplus(doors);
  if (!preview) {
    for (const [source, numbers] of bySource(revisions)) {
      await ledger.audit([{ at: clock.now(), kind: "revisions.removed", fields: { source, revisions: numbers } }]);
      await ledger.removeRevisions(source, numbers);
    }
    doors.atStep("collect.revisions-removed");
    for (const { source, revision } of revisions) await views.removeRevision(source, revision);
    doors.atStep("collect.views-removed");
  }
  const stored: StoredBlob[] = [];
  for await (const blob of doors.blobs.list()) stored.push(blob);
  const referenced = preview ? await referencedAfter(doors, revisions) : await ledger.referencedBlobs();
  const since = await looseSince(doors, stored, referenced);
  const plan = planBlobCollection(stored, referenced, since, clock.now(), grace);
  if (!preview) await remove(doors, plan.remove, since, report, signal);
  return {
    revisions,
    blobs: plan.remove,
    bytes: plan.remove.reduce((sum, { size }) => sum + size, 0),
    waiting: plan.waiting,
  };
}

async function surplus({ ledger, channels, clock }: CollectDoors): Promise<readonly Surplus[]> {
  const found: Surplus[] = [];
  const positions = await ledger.positions();
  for (const spec of await ledger.sources()) {
    const own = positions.filter((position) => position.source === spec.name);
    const moves = await ledger.moves(spec.name, 1_000_000);
    const revisions = await ledger.revisions(spec.name);
    const targets = new Set<number>();
    for (const channel of channels) {
      const current = own.find((position) => position.channel === channel)?.revision ?? 0;
      const older = moves.filter(
        (move) => move.channel === channel && move.to < current && revisions.some(({ number }) => number === move.to),
      );
      // The one step back that `rollback` takes by itself stays possible.
      if (older.length > 0) targets.add(Math.max(...older.map((move) => move.to)));
    }
    const policy = (await ledger.policy(spec.name))?.policy ?? null;
    const places = new Map(own.map((position) => [position.channel, position]));
    if (policy !== null)
      for (const number of awaitedRevisions(policy, places, revisions, moves, clock.now())) targets.add(number);
    for (const { revision } of await ledger.proposals({ state: "open", source: spec.name }, 1_000))
      targets.add(revision);
    found.push(...surplusRevisions(revisions, own, targets, spec.retention.revisions));
  }
  return found;
}

function bySource(revisions: readonly Surplus[]): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  for (const { source, revision } of revisions) numbers.set(source, [...(numbers.get(source) ?? []), revision]);
  return numbers;
}

/** What would still be named if the surplus were gone: for the preview. */
async function referencedAfter({ ledger }: CollectDoors, revisions: readonly Surplus[]): Promise<ReadonlySet<Sha256>> {
  const gone = new Set(revisions.map(({ source, revision }) => `${source}/${revision}`));
  const named = new Set<Sha256>();
  for (const { name } of await ledger.sources()) {
    for (const { number } of await ledger.revisions(name)) {
      if (gone.has(`${name}/${number}`)) continue;
      for (const { sha256 } of await ledger.entries(name, number)) named.add(sha256);
    }
  }
  return named;
}

async function looseSince(
  { ledger, clock }: CollectDoors,
  stored: readonly StoredBlob[],
  referenced: ReadonlyMap<Sha256, number> | ReadonlySet<Sha256>,
): Promise<Map<Sha256, Instant>> {
  const before = await ledger.looseBlobs();
  const since = new Map<Sha256, Instant>();
  for (const { sha256 } of stored) if (!referenced.has(sha256)) since.set(sha256, before.get(sha256) ?? clock.now());
  return since;
}

async function remove(
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
  await doors.ledger.putLooseBlobs(since);
  if (removed > 0) doors.events.emit("store.collected", { blobs: removed, bytes });
  if (removed < blobs.length) throw new Failure("daemon.stopping", "the collection was ended", { retry: "later" });
}
