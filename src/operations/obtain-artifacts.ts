import type { WantedArtifact } from "../core/intake/judge-feed.ts";
import {
  type Accepted,
  type Candidate,
  judgeCompanion,
  judgeFile,
  provenSeries,
  standsForAbsent,
} from "../core/intake/judge-file.ts";
import type { Step } from "../core/intake/plan-sync.ts";
import { type Cap, capOf, expansionCap, refusedBefore, totalCap } from "../core/intake/run-budget.ts";
import { Failure, quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { type AuditDraft, auditOfVerdict } from "../core/model/audit-entry.ts";
import type { Series } from "../core/model/feed-listing.ts";
import type { Revision, RevisionEntry } from "../core/model/revision.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { Fetched, InspectableFile, UpstreamNote } from "../core/ports.ts";
import { blockedSigner } from "./blocks.ts";
import { parseHttpDate, quarantinedAs, timeLeft } from "./run-limits.ts";
import type { Run, SyncDoors } from "./sync-run.ts";
import { TransferMeter } from "./transfer-meter.ts";
import { Turns } from "./turns.ts";

type Entry = Omit<RevisionEntry, "since">;

export type Obtained =
  | {
      readonly kind: "obtained";
      readonly entries: Entry[];
      readonly notes: readonly UpstreamNote[];
      /** Versions that files themselves have proven. */
      readonly series: readonly Series[];
    }
  | Refusal;

/** What the steps of one run share. */
interface Work {
  readonly doors: SyncDoors;
  readonly spec: SourceSpec;
  readonly last: Revision | null;
  readonly address: number;
  readonly run: Run;
  /** What the run may bring in all. */
  readonly total: Cap;
  /** Ends every transfer of the run: one refusal ends it for all. */
  readonly stop: AbortController;
  /** The upstream's line: so many transfers at once, as the source allows. */
  readonly line: Turns;
  readonly known: ReadonlyMap<string, UpstreamNote>;
  readonly held: ReadonlyMap<string, Entry>;
  readonly entries: Entry[];
  readonly notes: UpstreamNote[];
  readonly series: Series[];
  /** What was found of files that prove themselves, and of those that were refused: for the audit log. */
  readonly judged: AuditDraft[];
  readonly meter: TransferMeter;
}

/**
 * Obtains every artifact of the plan, several at a time, and admits what is accepted. One refusal ends the run: a
 * revision is complete or absent. `held`: the last revision's entries by path.
 */
export async function obtainAll(
  doors: SyncDoors,
  spec: SourceSpec,
  steps: readonly Step[],
  last: Revision | null,
  held: ReadonlyMap<string, Entry>,
  address: number,
  run: Run,
): Promise<Obtained> {
  const stop = new AbortController();
  const work: Work = {
    doors,
    spec,
    last,
    address,
    run,
    total: totalCap(spec.budget, last),
    stop,
    line: new Turns(spec.network.parallel),
    known: new Map((await doors.ledger.upstreamNotes(spec.name)).map((note) => [note.path, note])),
    held,
    entries: [],
    notes: [],
    series: [],
    judged: [],
    meter: new TransferMeter(expectedSizes(steps, held), run.report),
  };
  const queue = steps.values();
  // How the run ended, by whoever was first: what the others then say is only the echo of being stopped.
  const ends: (Refusal | { readonly kind: "threw"; readonly error: unknown })[] = [];
  const worker = async (): Promise<void> => {
    for (const step of queue) {
      if (stop.signal.aborted || run.signal.aborted) return;
      const end = await takeStep(work, step).catch((error: unknown) => ({ kind: "threw" as const, error }));
      if (end !== null) {
        ends.push(end);
        stop.abort();
        return;
      }
    }
  };
  // Twice as many as may transfer: while some wait for the disk, the line is not left idle.
  await Promise.all(Array.from({ length: 2 * spec.network.parallel }, worker));
  await doors.ledger.audit(work.judged);
  const [end] = ends;
  if (end?.kind === "refused") return end;
  if (end?.kind === "threw") throw stop.signal.reason instanceof Failure ? stop.signal.reason : end.error;
  timeLeft(spec, run, doors.clock.now());
  // A transfer may complete although it was stopped; what was still in the queue then has not been asked for.
  if (stop.signal.aborted) return pastTotal(work);
  return { kind: "obtained", entries: work.entries, notes: work.notes, series: work.series };
}

async function takeStep(work: Work, step: Step): Promise<Refusal | null> {
  if (step.kind === "keep") {
    work.entries.push(step.entry);
    const note = work.known.get(step.entry.path);
    if (note !== undefined) work.notes.push(note);
    return null;
  }
  const { artifact, companion } = step;
  const refusal = await obtain(work, artifact, companion);
  if (companion !== null) work.meter.ended(companion.path);
  work.meter.ended(artifact.path);
  return refusal;
}

/** What a watcher may expect of each file: what is listed, else as much as the version that is held. */
function expectedSizes(steps: readonly Step[], held: ReadonlyMap<string, Entry>): ReadonlyMap<string, number | null> {
  return new Map(
    steps
      .flatMap((step) => (step.kind === "keep" ? [] : [step.artifact, step.companion]))
      .filter((artifact) => artifact !== null)
      .map(({ path, size }) => [path, size ?? held.get(path)?.size ?? null]),
  );
}

/** Obtains one artifact with its signature: from the feed's own address first, then from the others. */
async function obtain(work: Work, artifact: WantedArtifact, companion: WantedArtifact | null): Promise<Refusal | null> {
  const { doors, spec, run } = work;
  let first: Refusal | Failure | null = null;
  for (let turn = 0; turn < spec.addresses.length; turn += 1) {
    const address = (work.address + turn) % spec.addresses.length;
    try {
      const refusal = await obtainFrom(work, artifact, companion, address);
      if (refusal === null) return null;
      if (work.stop.signal.aborted) return refusal;
      doors.events.emit("artifact.refused", {
        source: spec.name,
        path: artifact.path,
        address: address + 1,
        code: refusal.code,
        detail: refusal.detail,
      });
      first ??= refusal;
    } catch (error) {
      if (
        !(error instanceof Failure) ||
        !error.code.startsWith("upstream.") ||
        work.stop.signal.aborted ||
        run.signal.aborted
      )
        throw error;
      doors.events.emit("address.failed", {
        source: spec.name,
        path: artifact.path,
        address: address + 1,
        code: error.code,
        detail: error.message,
      });
      first ??= error;
    }
  }
  if (first instanceof Failure) throw first;
  return first;
}

async function obtainFrom(
  work: Work,
  artifact: WantedArtifact,
  companion: WantedArtifact | null,
  address: number,
): Promise<Refusal | null> {
  const { doors } = work;
  const landed: Candidate[] = [];
  try {
    // Only what stands alone is asked for by its version: a file and its signature come, and are judged, together.
    const alone = companion === null;
    const signature = companion === null ? null : await land(work, companion, address, alone);
    if (signature !== null && signature.kind === "refused") return signature;
    if (signature?.kind === "landed") landed.push(signature.candidate);
    if (signature?.kind === "absent" && companion?.optional === false)
      return refuse("artifact.missing", companion.path);
    const main = await land(work, artifact, address, alone);
    if (main.kind === "refused") return main;
    if (main.kind === "kept") return null;
    if (main.kind === "landed" && standsForAbsent(artifact, main.candidate.findings.size)) {
      landed.push(main.candidate);
      return null;
    }
    if (main.kind === "absent") return artifact.optional ? null : refuse("artifact.missing", artifact.path);
    landed.push(main.candidate);
    return await admit(
      work,
      main.candidate,
      signature?.kind === "landed" ? signature.candidate : null,
      main.note,
      address,
    );
  } finally {
    for (const { file } of landed) await doors.quarantine.discard(file);
  }
}

/** Inspects, judges and admits a landed file and its signature, in that order and both or neither. */
async function admit(
  work: Work,
  main: Candidate,
  companion: Candidate | null,
  note: UpstreamNote | null,
  address: number,
): Promise<Refusal | null> {
  const { doors, spec } = work;
  const judged = await inspected(work, main, companion);
  const verdicts: (Accepted | Refusal)[] = [judgeFile(judged, spec.trust, doors.clock.now(), work.last?.series ?? [])];
  if (companion !== null) verdicts.push(judgeCompanion(companion, judged, spec.trust, doors.clock.now()));
  const accepted: Accepted[] = [];
  const barred = await blockedSigner(doors, judged.findings.content?.signatures ?? []);
  if (barred !== null)
    verdicts.push(refuse("artifact.blocked", `${judged.artifact.path}: signed by ${quoteOutside(barred)}`));
  const refusal = verdicts.find((verdict) => verdict.kind === "refused") ?? null;
  const { content, sha256 } = judged.findings;
  if (refusal !== null || content !== null) {
    const what = { source: spec.name, path: judged.artifact.path, address: address + 1, sha256 };
    const found = content?.signatures ?? [];
    work.judged.push(auditOfVerdict("artifact.judged", doors.clock.now(), what, found, refusal));
  }
  if (refusal !== null) return refusal;
  for (const verdict of verdicts) if (verdict.kind === "accepted") accepted.push(verdict);
  for (const file of accepted) {
    await doors.blobs.admit(file);
    work.entries.push({ path: file.path, sha256: file.sha256, size: file.size, builtAt: file.builtAt });
  }
  const proven = provenSeries(judged);
  if (proven !== null) work.series.push(proven);
  if (note !== null) work.notes.push(note);
  return null;
}

async function inspected({ doors, spec }: Work, main: Candidate, companion: Candidate | null): Promise<Candidate> {
  if (!main.artifact.inspect) return main;
  const content = await doors.inspector.inspectArtifact(
    spec,
    main.artifact,
    inQuarantine(main),
    companion === null ? null : inQuarantine(companion),
    doors.clock.now(),
    { expandedBytes: expansionCap(main.findings.size, spec.budget) },
  );
  return { ...main, findings: { ...main.findings, content } };
}

function inQuarantine({ artifact, file, findings, lastModified }: Candidate): InspectableFile {
  return { path: artifact.path, file, size: findings.size, partial: false, dialect: null, lastModified, absent: false };
}

type LandResult =
  | { readonly kind: "landed"; readonly candidate: Candidate; readonly note: UpstreamNote | null }
  | { readonly kind: "kept" }
  | { readonly kind: "absent" }
  | Refusal;

/** Brings one file into quarantine under its cap. What is unchanged upstream, and `alone`, is kept as it is held. */
async function land(work: Work, artifact: WantedArtifact, address: number, alone: boolean): Promise<LandResult> {
  const { doors, spec, run, last, held, known } = work;
  if (artifact.made !== undefined) return landMade(work, artifact, artifact.made);
  const cap = capOf(artifact, spec.budget, last, run.bytes, await doors.blobs.freeBytes());
  const before = refusedBefore(artifact, cap);
  if (before !== null) return before;
  const entry = held.get(artifact.path);
  const noted = known.get(artifact.path);
  const bound = Object.keys(artifact.digests).length > 0;
  const keepable =
    alone && entry !== undefined && noted?.sha256 === entry.sha256 && !bound && artifact.version === null;
  const unless = keepable ? (noted ?? null) : null;
  run.requests += 1;
  const fetched = await fetchUnderCap(work, artifact, address, cap.most, unless);
  if (fetched === "over-cap" && run.bytes > work.total.most) return pastTotal(work);
  if (fetched === "over-cap")
    return refuse(cap.code, `${artifact.path}: it was stopped at ${cap.most} bytes; ${cap.why}`);
  if (fetched.kind === "absent") return fetched;
  if (fetched.kind === "not-modified") {
    if (unless === null || entry === undefined || noted === undefined)
      throw new Failure("upstream.malformed", `${artifact.path}: "not modified", but nothing was held`);
    work.entries.push(entry);
    work.notes.push(noted);
    return { kind: "kept" };
  }
  const { landed, etag, lastModified } = fetched;
  const file = quarantinedAs(artifact.path, landed, {
    partial: false,
    dialect: null,
    lastModified: parseHttpDate(lastModified),
  });
  const findings = { size: landed.size, sha256: landed.sha256, sha512: landed.sha512, content: null };
  const note =
    etag === null && lastModified === null ? null : { path: artifact.path, etag, lastModified, sha256: landed.sha256 };
  return { kind: "landed", candidate: { artifact, file: file.file, findings, lastModified: file.lastModified }, note };
}

/** What the format itself says is not asked of an upstream, and is judged as what comes from one. */
async function landMade({ doors, spec }: Work, artifact: WantedArtifact, made: string): Promise<LandResult> {
  const bytes = Buffer.from(made, "base64");
  const landing = await doors.quarantine.land(`made ${spec.name} ${artifact.path}`, {
    most: bytes.length,
    resume: false,
    sha512: artifact.digests.sha512 !== undefined,
  });
  landing.write(bytes);
  await landing.ready();
  const { file, size, sha256, sha512 } = await landing.finish();
  const findings = { size, sha256, sha512, content: null };
  return { kind: "landed", candidate: { artifact, file, findings, lastModified: null }, note: null };
}

function pastTotal({ run, total }: Work): Refusal {
  return refuse(total.code, `the run was stopped at ${run.bytes} bytes; ${total.why}`);
}

async function fetchUnderCap(
  { doors, spec, run, total, stop, line, meter }: Work,
  artifact: WantedArtifact,
  address: number,
  most: number,
  unless: UpstreamNote | null,
): Promise<Fetched | "over-cap"> {
  try {
    const wish = {
      address,
      path: artifact.path,
      list: false,
      first: null,
      unless,
      most,
      sha512: artifact.digests.sha512 !== undefined,
      announced: (bytes: number): void => meter.announced(artifact.path, bytes),
      progress: (bytes: number): void => {
        run.bytes += bytes;
        meter.came(artifact.path, bytes);
        // Transfers side by side each have room for themselves; together they may not pass the run's cap either.
        if (run.bytes > total.most) stop.abort(new Failure("upstream.over-cap", "the run's budget is used up"));
      },
    };
    const signal = AbortSignal.any([run.signal, stop.signal]);
    return await line.take(() => {
      signal.throwIfAborted();
      const wallTime = timeLeft(spec, run, doors.clock.now());
      return doors.fetcher.fetch(spec, { ...wish, wallTime }, signal).catch((error: unknown) => {
        // What no other address can mend ends the run, before the place on the line goes to the next.
        if (!(error instanceof Failure && error.code.startsWith("upstream."))) stop.abort(error);
        throw error;
      });
    });
  } catch (error) {
    if (error instanceof Failure && error.code === "upstream.over-cap") return "over-cap";
    throw error;
  }
}
