import { type AcceptedFeed, judgeFeed } from "../core/intake/judge-feed.ts";
import { Failure, quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { auditOfVerdict } from "../core/model/audit-entry.ts";
import type { Revision } from "../core/model/revision.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { FeedReading, InspectableFile, UpstreamNote } from "../core/ports.ts";
import { blockedSigner } from "./blocks.ts";
import { parseHttpDate, quarantinedAs, timeLeft } from "./run-limits.ts";
import type { Run, SyncDoors } from "./sync-run.ts";

export type FeedRead =
  | {
      readonly kind: "read";
      readonly feed: AcceptedFeed;
      readonly address: number;
      /** What the upstream said of the index's files, where asking for them again tells that nothing is new. */
      readonly notes: readonly UpstreamNote[];
      /** The index's files of which nothing may be noted, although they are artifacts too. */
      readonly unnoted: readonly string[];
    }
  | { readonly kind: "not-modified" }
  | Refusal;

type Needed = Extract<FeedReading, { kind: "needs" }>["files"][number];

/**
 * Reads and judges the feed's index, from the first address whose index is acceptable: an index and its signature come
 * from one address, never mixed. When none is, the answer is the first address's: the others were only its stand-ins.
 */
export async function readFeed(doors: SyncDoors, spec: SourceSpec, last: Revision | null, run: Run): Promise<FeedRead> {
  let first: Refusal | Failure | null = null;
  for (const address of spec.addresses.keys()) {
    run.report(phaseOf(spec, address), run.bytes, null, "bytes");
    try {
      const read = await readFrom(doors, spec, last, address, run);
      if (read.kind !== "refused") return read;
      doors.events.emit("feed.refused", {
        source: spec.name,
        address: address + 1,
        code: read.code,
        detail: read.detail,
      });
      first ??= read;
    } catch (error) {
      if (!(error instanceof Failure) || !error.code.startsWith("upstream.") || run.signal.aborted) throw error;
      doors.events.emit("address.failed", {
        source: spec.name,
        address: address + 1,
        code: error.code,
        detail: error.message,
      });
      first ??= error;
    }
  }
  if (first instanceof Failure) throw first;
  if (first === null) throw new Failure("source.invalid", "the source has no address");
  return first;
}

function phaseOf({ addresses }: SourceSpec, address: number): string {
  return `reading the feed (address ${address + 1} of ${addresses.length})`;
}

async function readFrom(
  doors: SyncDoors,
  spec: SourceSpec,
  last: Revision | null,
  address: number,
  run: Run,
): Promise<FeedRead> {
  const files: InspectableFile[] = [];
  const notes: UpstreamNote[] = [];
  const known = new Map(
    (last === null ? [] : await doors.ledger.upstreamNotes(spec.name)).map((note) => [note.path, note]),
  );
  try {
    for (let round = 0; round < LIMITS.listingRounds; round += 1) {
      const reading = await doors.inspector.readFeed(spec, files, doors.clock.now());
      if (reading.kind === "listing") {
        const judged = judgeFeed(reading.listing, reading.findings, spec, last, doors.clock.now());
        const what = { source: spec.name, path: "", address: address + 1, sha256: null };
        const refusal = judged.kind === "refused" ? judged : null;
        const found = reading.findings.signatures;
        await doors.ledger.audit([auditOfVerdict("feed.judged", doors.clock.now(), what, found, refusal)]);
        if (judged.kind === "refused") return judged;
        const blocked = await blockedSigner(doors, found);
        if (blocked !== null) return refuse("feed.signer-blocked", quoteOutside(blocked));
        // Who an orphan is, only a verified index can say.
        const { orphans = 0 } = reading.findings;
        if (orphans > 0) doors.events.emit("feed.orphans", { source: spec.name, orphans });
        return { kind: "read", feed: judged, address, ...notesOf(judged, round, files, notes) };
      }
      const unchanged = await fetchIndex(doors, spec, reading.files, known, address, files, notes, run);
      // Only an index that is unchanged to the last file says that there is nothing new; a half-changed one is read whole.
      if (unchanged.length > 0) {
        if (round === 0 && unchanged.length === reading.files.length) return { kind: "not-modified" };
        await fetchIndex(doors, spec, unchanged, new Map(), address, files, notes, run);
      }
    }
    throw new Failure(
      "upstream.malformed",
      `the feed's index asks for more than ${LIMITS.listingRounds} rounds of files`,
    );
  } finally {
    for (const { file, absent } of files) if (!absent) await doors.quarantine.discard(file);
  }
}

/**
 * Only an index that was asked for all at once can be said to be unchanged by asking for it again: where one file leads to
 * the next, an unchanged first would hide a changed second. And one that does not tell of every file would hide a new one.
 */
function notesOf(
  feed: AcceptedFeed,
  round: number,
  files: readonly InspectableFile[],
  notes: readonly UpstreamNote[],
): { readonly notes: readonly UpstreamNote[]; readonly unnoted: readonly string[] } {
  if (!saysAll(feed)) return { notes: [], unnoted: files.map(({ path }) => path) };
  return { notes: round <= 1 ? notes : [], unnoted: [] };
}

/** Whether an unchanged index means unchanged files: of those with no digest and no version in it, it says nothing. */
function saysAll({ artifacts }: AcceptedFeed): boolean {
  return artifacts.every(
    ({ inspect, digests, version, immutable }) =>
      !inspect || immutable || version !== null || Object.keys(digests).length > 0,
  );
}

/** Fetches index files one after another into `files`; answers with those that have not changed. */
async function fetchIndex(
  doors: SyncDoors,
  spec: SourceSpec,
  needed: readonly Needed[],
  known: ReadonlyMap<string, UpstreamNote>,
  address: number,
  files: InspectableFile[],
  notes: UpstreamNote[],
  run: Run,
): Promise<readonly Needed[]> {
  const unchanged: Needed[] = [];
  for (const need of needed) {
    run.requests += 1;
    const room = Math.max(0, (await doors.blobs.freeBytes()) - spec.budget.freeDisk);
    const fetched = await doors.fetcher.fetch(
      spec,
      {
        address,
        path: need.path,
        list: need.list,
        first: need.first,
        unless: known.get(need.path) ?? null,
        // All pages of an index count against the run: a listing leads through as many as its vendor likes.
        most: Math.min(need.most, LIMITS.indexBytes, Math.max(0, spec.budget.bytes - run.bytes), room),
        sha512: false,
        wallTime: timeLeft(spec, run, doors.clock.now()),
        progress: (bytes) => {
          run.bytes += bytes;
          run.report(phaseOf(spec, address), run.bytes, null, "bytes");
        },
      },
      run.signal,
    );
    if (fetched.kind === "not-modified") {
      unchanged.push(need);
    } else if (fetched.kind === "landed") {
      const { landed, etag, lastModified, dialect } = fetched;
      files.push(
        quarantinedAs(need.path, landed, {
          partial: need.first !== null,
          dialect,
          lastModified: parseHttpDate(lastModified),
        }),
      );
      if (etag !== null || lastModified !== null)
        notes.push({ path: need.path, etag, lastModified, sha256: landed.sha256 });
    } else if (need.optional) {
      files.push({
        path: need.path,
        file: "",
        size: 0,
        partial: false,
        dialect: null,
        lastModified: null,
        absent: true,
      });
    } else {
      throw new Failure("upstream.not-found", `${need.path || "the directory"} is not at address ${address + 1}`);
    }
  }
  return unchanged;
}
