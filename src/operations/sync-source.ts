import { withProven } from "../core/intake/guard-series.ts";
import type { AcceptedFeed } from "../core/intake/judge-feed.ts";
import { planSync, sameContent } from "../core/intake/plan-sync.ts";
import { refusedForRoom } from "../core/intake/run-budget.ts";
import type { Sha256 } from "../core/kernel/digest.ts";
import { type Refusal, refuse } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { Revision, RevisionEntry } from "../core/model/revision.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { SyncRecord, UpstreamNote } from "../core/ports.ts";
import { blockedContent } from "./blocks.ts";
import { checkRevision, noteSilence } from "./check-revision.ts";
import { obtainAll } from "./obtain-artifacts.ts";
import { ensureView, promoteChannel } from "./promote.ts";
import { type FeedRead, readFeed } from "./read-feed.ts";
import { outcomeOf, type Run, type SyncDoors } from "./sync-run.ts";

/** The sealed set of a run that brought something new. */
type Sealed = Omit<RevisionEntry, "since">[];

/**
 * One run of one source, the road of house and README: read the feed, judge it, plan, obtain, seal, move the first
 * channel. Whatever goes wrong, the channels stay as they were and the record says why.
 */
export async function syncSource(doors: SyncDoors, spec: SourceSpec, by: string, run: Run): Promise<SyncRecord> {
  const startedAt = run.startedAt;
  doors.events.emit("sync.started", { source: spec.name, by });
  const outcome = await outcomeOf(() => walk(doors, spec, by, run));
  const record = {
    source: spec.name,
    startedAt,
    endedAt: doors.clock.now(),
    bytes: run.bytes,
    requests: run.requests,
    by,
    ...outcome,
  };
  await doors.ledger.recordSync(record);
  doors.events.emit("sync.ended", {
    source: spec.name,
    outcome: record.outcome,
    code: record.code,
    detail: record.detail,
    revision: record.revision,
    bytes: record.bytes,
  });
  await lookAt(doors, spec, record, run);
  return record;
}

/** What is new is checked while its first clients fetch it; where nothing is, the vendor may be too quiet. */
async function lookAt(doors: SyncDoors, spec: SourceSpec, { revision, outcome }: SyncRecord, run: Run): Promise<void> {
  if (outcome === "nothing-new") await noteSilence(doors, spec);
  const sealed = revision === null ? null : await doors.ledger.revision(spec.name, revision);
  if (sealed !== null) await checkRevision(doors, spec, sealed, run.report, run.signal);
}

async function walk(doors: SyncDoors, spec: SourceSpec, by: string, run: Run): Promise<Revision | Refusal | null> {
  const noRoom = refusedForRoom(spec.budget, await doors.blobs.freeBytes());
  if (noRoom !== null) return noRoom;
  const last = await lastWithHeight(doors, spec);
  const read = await readFeed(doors, spec, last, run);
  if (read.kind === "refused") return read;
  // A last revision whose first channel never moved (a stop between two steps) still needs its move.
  if (read.kind === "not-modified") return finish(doors, spec, last, by);

  const held = last === null ? [] : await doors.ledger.entries(spec.name, last.number);
  const heldByPath = new Map<string, RevisionEntry>(held.map((entry) => [entry.path, entry]));
  const steps = planSync(read.feed.artifacts, {
    entries: heldByPath,
    series: last?.series ?? [],
    blobs: await blobsAtHand(doors, read.feed, heldByPath),
  });
  const obtained = await obtainAll(doors, spec, steps, last, heldByPath, read.address, run);
  if (obtained.kind === "refused") return obtained;

  const barred = await blockedContent(doors, obtained.entries);
  if (barred !== null) return refuse("artifact.blocked", `${barred.path}: ${barred.sha256}`);

  const feed = { ...read.feed, series: withProven(read.feed.series, obtained.series) };
  if (last !== null && sameContent(obtained.entries, heldByPath) && !saysMore(last, feed, spec)) {
    await remember(doors, spec, notes(read, obtained.notes));
    return finish(doors, spec, last, by);
  }
  const revision = await seal(doors, spec, feed, obtained.entries, doors.clock.now());
  await remember(doors, spec, notes(read, obtained.notes));
  await promoteChannel(doors, {
    source: spec.name,
    channel: doors.channels[0] ?? "",
    revision: revision.number,
    by,
    reason: "sync",
  });
  return revision;
}

/**
 * The last revision, with the size of the largest that is kept: growth is measured against that. Whoever hides products
 * for one run would else have the true feed of every later run refused as grown too far.
 */
async function lastWithHeight({ ledger }: SyncDoors, { name }: SourceSpec): Promise<Revision | null> {
  const last = await ledger.latestRevision(name);
  if (last === null) return null;
  const kept = await ledger.revisions(name);
  const most = (of: (revision: Revision) => number): number =>
    kept.reduce((top, each) => Math.max(top, of(each)), of(last));
  return { ...last, bytes: most(({ bytes }) => bytes), files: most(({ files }) => files) };
}

/** Nothing new: but a first channel that a stop left behind is moved now. */
async function finish(doors: SyncDoors, spec: SourceSpec, last: Revision | null, by: string): Promise<null> {
  const first = doors.channels[0] ?? "";
  const everMoved = (await doors.ledger.moves(spec.name, 10_000)).some(
    (move) => move.channel === first && move.to === last?.number,
  );
  if (last !== null && !everMoved)
    await promoteChannel(doors, { source: spec.name, channel: first, revision: last.number, by, reason: "sync" });
  return null;
}

/** The write order of docs/store-format.md: the directories of the new blobs, then the ledger, then the view. */
async function seal(
  doors: SyncDoors,
  spec: SourceSpec,
  feed: AcceptedFeed,
  entries: Sealed,
  now: Instant,
): Promise<Revision> {
  await doors.blobs.settle();
  const draft = {
    source: spec.name,
    entries,
    series: feed.series,
    vouchedBy: feed.vouchedBy,
    unsigned: spec.trust.kind === "none",
  };
  const revision = await doors.ledger.sealRevision(draft, now);
  await ensureView(doors, revision);
  doors.events.emit("revision.sealed", {
    source: spec.name,
    revision: revision.number,
    files: revision.files,
    bytes: revision.bytes,
    vouchedBy: revision.vouchedBy,
  });
  return revision;
}

/** Which of the digests that the feed binds are in the store already, under whatever path and source. */
async function blobsAtHand(
  doors: SyncDoors,
  feed: AcceptedFeed,
  held: ReadonlyMap<string, RevisionEntry>,
): Promise<ReadonlyMap<Sha256, number>> {
  const blobs = new Map<Sha256, number>();
  for (const { path, digests } of feed.artifacts) {
    const sha256 = digests.sha256 as Sha256 | undefined;
    if (sha256 === undefined || held.get(path)?.sha256 === sha256) continue;
    const size = await doors.blobs.sizeOf(sha256);
    if (size !== null) blobs.set(sha256, size);
  }
  return blobs;
}

/** Whether the same content stands for more than before: a series went on, or somebody now vouches for it. */
function saysMore(last: Revision, feed: AcceptedFeed, spec: SourceSpec): boolean {
  const vouchedNow = last.unsigned && spec.trust.kind !== "none";
  return vouchedNow || JSON.stringify(last.series) !== JSON.stringify(feed.series);
}

/**
 * Keeps what the upstream said of versions, unless the source got another description while the run went on: then "not
 * modified" would mean at the next run that nothing of the change is ever looked at.
 */
async function remember({ ledger }: SyncDoors, spec: SourceSpec, said: readonly UpstreamNote[]): Promise<void> {
  const present = await ledger.source(spec.name);
  if (JSON.stringify(present) === JSON.stringify(spec)) await ledger.putUpstreamNotes(spec.name, said);
}

/** Notes of index files and of artifacts; a path noted by both is the index's. */
function notes(
  { notes: index, unnoted }: Pick<Extract<FeedRead, { readonly kind: "read" }>, "notes" | "unnoted">,
  artifacts: readonly UpstreamNote[],
): readonly UpstreamNote[] {
  const byPath = new Map(artifacts.map((note) => [note.path, note]));
  for (const path of unnoted) byPath.delete(path);
  for (const note of index) byPath.set(note.path, note);
  return [...byPath.values()];
}
