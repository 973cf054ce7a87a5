import { numberOf, type ReadEntry, readEntry, rowsOf, textOf } from "../core/audit/read-entry.ts";
import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { AuditKind } from "../core/model/audit-entry.ts";
import type { ChannelMove } from "../core/model/channel.ts";
import type { ContentSpread } from "../core/model/client-sighting.ts";
import type { Proposal } from "../core/model/proposal.ts";
import { isActive, type Restraint } from "../core/model/restraint.ts";
import type { BlobPlace } from "../core/ports.ts";
import { type ShownSpan, shownSpans } from "../core/release/shown-spans.ts";
import type { SyncDoors } from "./sync-run.ts";

/** What one answer tells of each; a content that was let in more often than that is the same story again. */
const MOST = 200;
const ALL_MOVES = 100_000;

/** A number of the audit log, whose entry proves what stands beside it. */
interface Proved {
  readonly entry: number;
  readonly at: Instant;
}

interface Verdict extends Proved {
  readonly source: string;
  readonly path: string;
  /** Which of the source's addresses it came from, counted from 1. */
  readonly address: number | null;
  readonly verdict: string;
  readonly code: string | null;
  readonly detail: string;
  /** Scheme, over what, status, signer. */
  readonly signatures: readonly (readonly string[])[];
}

interface Admission extends Proved {
  readonly source: string;
  readonly revision: number;
  readonly paths: readonly string[];
  /** Bytes. */
  readonly size: number;
  readonly sealed: (Proved & { readonly vouchedBy: string; readonly unsigned: boolean }) | null;
  /** The index that bound it; `null` where none was judged. */
  readonly index: Verdict | null;
  readonly run: (Proved & { readonly by: string; readonly startedAt: Instant }) | null;
}

/** One move as the audit log has it. */
interface LoggedMove extends ChannelMove, Proved {}

interface TracedSpan extends ShownSpan<LoggedMove> {
  /** What people signed for the move that brought it; `null`: it went by itself, or one person moved it. */
  readonly proposal: Proposal | null;
}

/** Everything that is known of one content. */
export interface Trace {
  readonly sha256: Sha256;
  /** Whether its bytes are in the store. */
  readonly stored: boolean;
  readonly admissions: readonly Admission[];
  readonly verdicts: readonly Verdict[];
  readonly places: readonly BlobPlace[];
  readonly spans: readonly TracedSpan[];
  /** `false`: revisions were removed since, and it may have been shown longer than the spans say. */
  readonly complete: boolean;
  readonly evidence: readonly (Proved & {
    readonly source: string;
    readonly revision: number;
    readonly text: string;
  })[];
  readonly blocks: readonly (Restraint & { readonly active: boolean })[];
  readonly takers: readonly ContentSpread[];
}

/**
 * This hash: who let it in, verified how, which channels had it for how long, who approved, which clients fetched it. What
 * was decided is read from the audit log, so that each line can be proved; `Failure` `content.unknown` when nothing is known.
 */
export async function traceContent(doors: SyncDoors, sha256: Sha256): Promise<Trace> {
  const { ledger, blobs, clock } = doors;
  const found = await entriesOf(doors, "revision.admitted", sha256);
  const verdicts = (await entriesOf(doors, "artifact.judged", sha256)).map(verdictOf);
  const stored = (await blobs.sizeOf(sha256)) !== null;
  const admissions = await Promise.all(found.map((entry) => admissionOf(doors, entry, sha256)));
  const takers = await ledger.sightings.takers(sha256);
  if (admissions.length + verdicts.length + takers.length === 0 && !stored)
    throw new Failure("content.unknown", `nothing with the digest ${sha256} was ever let in, refused or served here`);
  const places = await ledger.whereBlob(sha256);
  const sources = [...new Set(admissions.map(({ source }) => source))];
  const spans = await Promise.all(sources.map((source) => spansOf(doors, source, sha256, admissions, places)));
  const removed = await Promise.all(sources.map((source) => ledger.purgedRevisions(source, 1)));
  const gone = await Promise.all(sources.map(async (source) => (await ledger.source(source)) === null));
  const now = clock.now();
  const blocks = (await ledger.restraints(true)).filter((one) => isAbout(one, sha256, admissions));
  return {
    sha256,
    stored,
    admissions,
    verdicts,
    places: places.slice(0, MOST),
    spans: spans.flat().slice(0, MOST),
    complete: removed.every((one) => one.length === 0) && !gone.includes(true),
    evidence: (await Promise.all(admissions.map((one) => evidenceOf(doors, one)))).flat().slice(0, MOST),
    blocks: blocks.slice(0, MOST).map((one) => ({ ...one, active: isActive(one, now) })),
    takers,
  };
}

async function entriesOf({ ledger }: SyncDoors, kind: AuditKind, holding: string): Promise<readonly ReadEntry[]> {
  return (await ledger.auditFound(kind, holding, MOST)).map(entryOf);
}

async function nearest(
  { ledger }: SyncDoors,
  kind: AuditKind,
  holding: string,
  n: number,
  side: "before" | "behind",
): Promise<ReadEntry | null> {
  const line = await ledger.auditNearest(kind, holding, n, side);
  return line === null ? null : entryOf(line);
}

function entryOf(line: string): ReadEntry {
  const entry = readEntry(line);
  if (entry === null) throw new Failure("store.damaged", "the audit log holds a line that is no entry");
  return entry;
}

/** How an entry of a source begins: a name has no character that JSON would write otherwise. */
function inSource(source: string): string {
  return `{"source":"${source}",`;
}

async function admissionOf(doors: SyncDoors, { n, at, fields }: ReadEntry, sha256: Sha256): Promise<Admission> {
  const source = textOf(fields, "source");
  const revision = numberOf(fields, "revision") ?? 0;
  const files = rowsOf(fields, "files").filter(([, digest]) => digest === sha256);
  // A source has one run at a time: what was judged last before the revision was judged for it.
  const index = await nearest(doors, "feed.judged", inSource(source), n, "before");
  const sealed = await nearest(doors, "revision.sealed", `${inSource(source)}"revision":${revision},`, n, "behind");
  const run = await nearest(doors, "sync.ended", inSource(source), n, "behind");
  return {
    entry: n,
    at,
    source,
    revision,
    paths: files.map(([path = ""]) => path),
    size: Number(files[0]?.[2] ?? 0),
    sealed: sealed === null ? null : { ...proved(sealed), ...vouched(sealed) },
    index: index === null ? null : verdictOf(index),
    run:
      run === null || numberOf(run.fields, "revision") !== revision
        ? null
        : { ...proved(run), by: textOf(run.fields, "by"), startedAt: numberOf(run.fields, "startedAt") ?? run.at },
  };
}

function proved({ n, at }: ReadEntry): Proved {
  return { entry: n, at };
}

function vouched({ fields }: ReadEntry): { readonly vouchedBy: string; readonly unsigned: boolean } {
  return { vouchedBy: textOf(fields, "vouchedBy"), unsigned: fields["unsigned"] === true };
}

function verdictOf(entry: ReadEntry): Verdict {
  const { fields } = entry;
  const address = numberOf(fields, "address");
  return {
    ...proved(entry),
    source: textOf(fields, "source"),
    path: textOf(fields, "path"),
    address: address === null ? null : address + 1,
    verdict: textOf(fields, "verdict"),
    code: textOf(fields, "code") || null,
    detail: textOf(fields, "detail"),
    signatures: rowsOf(fields, "signatures"),
  };
}

async function spansOf(
  doors: SyncDoors,
  source: string,
  sha256: Sha256,
  admissions: readonly Admission[],
  places: readonly BlobPlace[],
): Promise<readonly TracedSpan[]> {
  const lines = await doors.ledger.auditFound("channel.moved", inSource(source), ALL_MOVES);
  const moves = lines.map((line) => moveOf(entryOf(line)));
  const named = new Set(admissions.filter((one) => one.source === source).map(({ revision }) => revision));
  const here = places.filter((place) => place.source === source);
  for (const to of new Set(moves.map((move) => move.to))) {
    if (!here.some(({ since, revision }) => since <= to && to <= revision)) continue;
    if ((await doors.ledger.namedBlobs(source, to, [sha256])).length > 0) named.add(to);
  }
  const done = await doors.ledger.proposals({ state: "done", source }, MOST);
  return shownSpans(moves, (revision) => named.has(revision)).map((span) => ({
    ...span,
    proposal: done.find(({ channel, revision }) => channel === span.channel && revision === span.brought.to) ?? null,
  }));
}

function moveOf({ n, at, fields }: ReadEntry): LoggedMove {
  return {
    entry: n,
    at,
    source: textOf(fields, "source"),
    channel: textOf(fields, "channel"),
    kind: textOf(fields, "move") === "rollback" ? "rollback" : "promotion",
    from: numberOf(fields, "from"),
    to: numberOf(fields, "to") ?? 0,
    by: textOf(fields, "by"),
    reason: textOf(fields, "reason"),
  };
}

async function evidenceOf(doors: SyncDoors, { source, revision }: Admission): Promise<Trace["evidence"]> {
  const entries = await entriesOf(doors, "evidence.found", `${inSource(source)}"revision":${revision},`);
  return entries.map((entry) => {
    const { fields } = entry;
    const text = `${textOf(fields, "name")}: ${textOf(fields, "code")} ${textOf(fields, "detail")}`.trim();
    return { ...proved(entry), source, revision, text };
  });
}

/** Blocks of the content itself, of a revision that brought it, or of who vouched for one. */
function isAbout({ on }: Restraint, sha256: Sha256, admissions: readonly Admission[]): boolean {
  if (on.kind === "block-digest") return on.sha256 === sha256;
  if (on.kind === "block-revision")
    return admissions.some(({ source, revision }) => source === on.source && revision === on.revision);
  if (on.kind !== "block-signer") return false;
  return admissions.some(({ sealed }) => sealed?.vouchedBy.split(", ").includes(on.signer) === true);
}
