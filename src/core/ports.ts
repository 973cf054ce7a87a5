import type { Accepted } from "./intake/judge-file.ts";
import type { Sha256 } from "./kernel/digest.ts";
import type { Refusal } from "./kernel/errors.ts";
import type { Instant } from "./kernel/instant.ts";
import type { SafePath } from "./kernel/safe-path.ts";
import type { AuditCheckpoint, AuditDraft, AuditKind } from "./model/audit-entry.ts";
import type { ChannelMove, ChannelPosition, MoveEnd } from "./model/channel.ts";
import type { CheckSpec } from "./model/check.ts";
import type {
  ClientPage,
  ClientQuery,
  ClientReport,
  ContentSpread,
  RevisionSpread,
  Sighting,
} from "./model/client-sighting.ts";
import type { ContentSummary, SummaryKind } from "./model/content-summary.ts";
import type { Evidence, EvidenceCode } from "./model/evidence.ts";
import type { FeedListing, ListedArtifact, ListingFindings } from "./model/feed-listing.ts";
import type { ContentFindings } from "./model/findings.ts";
import type { StoredPolicy } from "./model/policy.ts";
import type {
  Proposal,
  ProposalDraft,
  ProposalEdit,
  ProposalEnd,
  ProposalState,
  Signed,
  SignOff,
} from "./model/proposal.ts";
import type { Restraint, RestraintDraft } from "./model/restraint.ts";
import type { ContentSpan, PurgedRevision, Removal, Revision, RevisionDraft, RevisionEntry } from "./model/revision.ts";
import type { SourceSpec } from "./model/source.ts";
import type { SyncOutcome, SyncTotals } from "./model/sync-totals.ts";
import type { Person, PersonIdentity, Token } from "./people/person.ts";
import type { TreeFile, TreeMethod } from "./publish/plan-tree.ts";
import type { TreeRecord } from "./publish/tree-record.ts";
import type { CanarySightings } from "./release/canaries.ts";

/** The doors of the house: what the operations ask of the world. Each has a contract suite in test/contract/. */

export interface Clock {
  now(): Instant;
}

/** Where named steps of a write are announced; the crash proof stops the process at each (docs/store-format.md). */
export type AtStep = (step: WriteStep) => void;

/** Every named step of a write, in the order that docs/store-format.md gives. */
export const WRITE_STEPS = [
  "quarantine.written",
  "blob.synced",
  "blob.renamed",
  "blobs.directories-synced",
  "revision.committed",
  "revision.view-written",
  "revision.view-renamed",
  "channel.committed",
  "pointer.written",
  "pointer.renamed",
  "collect.revisions-removed",
  "collect.views-removed",
  "collect.blob-removed",
] as const;
export type WriteStep = (typeof WRITE_STEPS)[number];

/** A file that has landed in quarantine: nobody trusts it yet. */
export interface Landed {
  /** Its own name inside the quarantine folder. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  readonly sha512: string | null;
}

/** Takes bytes as they arrive, never more than its cap, and hashes them on the way: they are hashed once. */
export interface Landing {
  /** Whether more may be written at once; otherwise wait for `ready`. The piece may be used again after the call. */
  write(piece: Uint8Array): boolean;
  ready(): Promise<void>;
  /** Bytes so far, those of an earlier try included. */
  readonly size: number;
  finish(): Promise<Landed>;
  /** Keeps what came for a later resume, or forgets it. */
  abandon(keep: boolean): Promise<void>;
}

export interface Quarantine {
  /**
   * Opens a landing for one download. `key` names the download across tries; when bytes of an earlier try are held
   * under it, and `resume` is asked for, they are kept and hashed first.
   */
  land(
    key: string,
    options: { readonly most: number; readonly resume: boolean; readonly sha512: boolean },
  ): Promise<Landing>;
  /** Bytes held of an interrupted download, with what the upstream said of their version. */
  held(key: string): Promise<{ readonly size: number; readonly note: string } | null>;
  /** Sets the note that a later resume needs: of the landing under way, else of the bytes held. */
  note(key: string, note: string): Promise<void>;
  discard(file: string): Promise<void>;
  /** Removes what no run owns any more: at start, everything but resumable parts younger than `keepSince`. */
  sweep(keepSince: Instant): Promise<void>;
}

/** Whether a blob is whole: `damaged` when its bytes no longer hash to its name. */
export type BlobState = "whole" | "damaged" | "missing";

export interface BlobStore {
  /** Moves an accepted file out of quarantine under its digest's name, durably but for the directories. Idempotent. */
  admit(accepted: Accepted): Promise<void>;
  /** Makes every directory entry written since the last call durable. Comes before a revision is sealed. */
  settle(): Promise<void>;
  /** The blob's bytes on disk, or `null` when there is none of that name. */
  sizeOf(sha256: Sha256): Promise<number | null>;
  /** Reads the whole blob and compares. */
  check(sha256: Sha256, size: number): Promise<BlobState>;
  remove(sha256: Sha256): Promise<void>;
  /** Every blob that stands in the store, with its size and the time it was admitted, in any order. */
  list(): AsyncIterable<{ readonly sha256: Sha256; readonly size: number; readonly admittedAt: Instant }>;
  /** Bytes free on its file system for us. */
  freeBytes(): Promise<number>;
}

/** What the upstream said of a file's version when we took it, to ask only for changes. */
export interface UpstreamNote {
  readonly path: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly sha256: Sha256;
}

/** A path that names a blob: the first and the newest revision that do. */
export interface BlobPlace {
  readonly source: string;
  readonly since: number;
  readonly revision: number;
  readonly path: SafePath;
}

/** One run of one source, as `ringfort log` shows it. */
export interface SyncRecord {
  readonly source: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly outcome: SyncOutcome;
  /** A refusal or failure code, or `null`. */
  readonly code: string | null;
  readonly detail: string;
  readonly revision: number | null;
  /** Bytes that came over the line, and artifacts asked for. */
  readonly bytes: number;
  readonly requests: number;
  readonly by: string;
}

/** One event of the house: a static dotted name and fields (docs/reference/events.md). */
export interface EventRecord {
  readonly at: Instant;
  readonly name: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * The audit log: entries that are only ever added, under a Merkle tree. What the ledger does by itself (a revision, a
 * move, a run) it records in the same transaction; whoever does something else adds its entry first, so that nothing is
 * done without a trace.
 */
/** One event that one subscriber is to be told of. */
export interface NoticeDraft {
  readonly subscriber: string;
  readonly event: EventRecord;
  /** Not told before. */
  readonly dueAt: Instant;
}

export interface Notice extends NoticeDraft {
  readonly id: number;
  /** Deliveries that failed. */
  readonly tries: number;
}

/** What became of a notice: told, to be tried again, or given up. */
export type NoticeEnd = { readonly kind: "done" } | { readonly kind: "later"; readonly dueAt: Instant };

/** Notices that wait: they outlive a stop, and are told in their order. */
export interface NoticeQueue {
  putNotices(drafts: readonly NoticeDraft[]): Promise<void>;
  /** The oldest of one subscriber that are due. */
  dueNotices(subscriber: string, now: Instant, limit: number): Promise<readonly Notice[]>;
  endNotices(ids: readonly number[], end: NoticeEnd): Promise<void>;
  /** How many wait for each subscriber. */
  waitingNotices(): Promise<ReadonlyMap<string, number>>;
  /** Forgets the oldest beyond so many of one subscriber; answers how many. */
  trimNotices(subscriber: string, most: number): Promise<number>;
}

/** What is said of a person; how they show who they are is said elsewhere. */
export type PersonDraft = Pick<Person, "name" | "roles" | "disabled" | "createdAt">;

/** Who may ask what: people and their tokens. Secrets are kept as hashes alone. */
export interface PeopleBook {
  people(): Promise<readonly Person[]>;
  person(name: string): Promise<Person | null>;
  /** The stored form of a password, which `Passwords` understands; `null` where there is none. */
  passwordOf(name: string): Promise<string | null>;
  /** Sets a person, and their password where `password` is given. `null` takes it away. */
  putPerson(person: PersonDraft, password?: string | null): Promise<void>;
  personByIdentity(identity: PersonIdentity): Promise<Person | null>;
  /** A new person with an identity, and its entry in the audit log; `false` and nothing done when somebody has the name or the identity. */
  addLinkedPerson(person: PersonDraft, identity: PersonIdentity, entry: AuditDraft): Promise<boolean>;
  /**
   * Ties a person to an identity and takes their password away, with its entry in the audit log; `false` and nothing done when
   * either is tied already.
   */
  linkPerson(name: string, identity: PersonIdentity, entry: AuditDraft): Promise<boolean>;
  /** All, or one person's; the newest first. */
  tokens(person: string | null): Promise<readonly Token[]>;
  putToken(token: Token, secretHash: Sha256): Promise<void>;
  tokenBy(id: string): Promise<{ readonly token: Token; readonly secretHash: Sha256 } | null>;
  touchToken(id: string, at: Instant): Promise<void>;
  /** `false` when there is none. */
  removeToken(id: string): Promise<boolean>;
}

export interface AuditLog {
  /** Adds these entries, all or none. */
  audit(drafts: readonly AuditDraft[]): Promise<void>;
  auditSize(): Promise<number>;
  /** The entries from number `from` on, as they stand in the log. */
  auditLines(from: number, limit: number): Promise<readonly string[]>;
  /** Entries of a kind that hold a text, oldest first. */
  auditFound(kind: AuditKind, holding: string, limit: number): Promise<readonly string[]>;
  /** Of a kind and holding a text, the last before entry `n`, or the first behind it. */
  auditNearest(kind: AuditKind, holding: string, n: number, side: "before" | "behind"): Promise<string | null>;
  /** The root over the first `size` entries: 32 bytes. */
  auditRoot(size: number): Promise<Uint8Array>;
  /** Shows that the log of `to` entries begins with that of `from` (RFC 6962 section 2.1.2). */
  auditConsistency(from: number, to: number): Promise<readonly Uint8Array[]>;
  /** Keeps a signed state; the first one of a size stays. */
  putCheckpoint(checkpoint: AuditCheckpoint): Promise<void>;
  /** Newest first. */
  checkpoints(limit: number): Promise<readonly AuditCheckpoint[]>;
}

/** What was ordered about releases: each change is recorded in the audit log in the same transaction. */
export interface ReleaseRecord {
  /** The newest state of a source's policy; `null` when it never had one. */
  policy(source: string): Promise<StoredPolicy | null>;
  /** Newest first. */
  policyHistory(source: string, limit: number): Promise<readonly StoredPolicy[]>;
  /** Adds a state; `false` and nothing done when its version is not the one after the newest. */
  putPolicy(stored: StoredPolicy): Promise<boolean>;

  /** Opens a proposal; `null` and nothing done when one is open for the same channel of the same source. */
  addProposal(draft: ProposalDraft): Promise<Proposal | null>;
  proposal(id: number): Promise<Proposal | null>;
  /** Newest first; of one state and one source, or of all. */
  proposals(
    of: { readonly state: ProposalState | null; readonly source: string | null },
    limit: number,
  ): Promise<readonly Proposal[]>;
  /** The next version, without sign-offs; `false` when it is no longer open at `version`. */
  editProposal(id: number, version: number, edit: ProposalEdit): Promise<boolean>;
  signProposal(id: number, version: number, signOff: SignOff): Promise<Signed>;
  /** `false` when it is no longer open at `version`. */
  endProposal(id: number, version: number, end: ProposalEnd): Promise<boolean>;

  addRestraint(draft: RestraintDraft): Promise<Restraint>;
  /** `false` when it is released already, or there is none. */
  releaseRestraint(id: number, released: NonNullable<Restraint["released"]>): Promise<boolean>;
  /** Newest first; `all`: those that were released too. */
  restraints(all: boolean): Promise<readonly Restraint[]>;
  /** Which of these contents a revision names. */
  namedBlobs(source: string, revision: number, digests: readonly Sha256[]): Promise<readonly Sha256[]>;
}

/** What of the sightings is kept, and how long. Counts and durations; see `clients` in core/config.ts. */
export interface SightingRetention {
  /** Clients that nobody has seen since are forgotten. */
  readonly seenBefore: Instant;
  /** Who took which revision or file, where nobody has taken it since. */
  readonly takenBefore: Instant;
  /** Rows of who took what; past it what was taken longest ago goes. */
  readonly mostTakings: number;
  /** Rows that one call may remove. */
  readonly atOnce: number;
}

/**
 * What the servers saw of clients, folded as it comes: per client, source and channel how it comes back and what it
 * holds; per revision and per file who took it. A power cut may take back the last seconds: no fsync is paid for it.
 */
export interface Sightings {
  /**
   * Adds sightings, oldest first. One of a source, revision or file that the ledger does not have is not believed, nor
   * a new client beyond the ceiling; answers how many were left out.
   */
  record(sightings: readonly Sighting[], reports: readonly ClientReport[]): Promise<number>;
  /** Clients in the order of their first sighting. */
  clients(query: ClientQuery): Promise<ClientPage>;
  /** For each channel in which a client of the source was seen, by name. */
  spread(source: string, revision: number): Promise<readonly RevisionSpread[]>;
  /** Who took a content, counted: for each source and channel in which a client was sent some of it, by name. */
  takers(sha256: Sha256): Promise<readonly ContentSpread[]>;
  /** Clients of a source in a channel, as the detector of silence takes them: those that are known longest first. */
  canaries(source: string, channel: string, revision: number, limit: number): Promise<readonly CanarySightings[]>;
  /** The newest of each client and subject, newest first. */
  reports(channel: string | null, since: Instant, limit: number): Promise<readonly ClientReport[]>;
  /** Different clients seen in each channel since. */
  seenSince(since: Instant): Promise<ReadonlyMap<string, number>>;
  /** Removes what is past its time; answers how many rows: again, until it is 0. */
  forget(retention: SightingRetention): Promise<number>;
  /** Removes everything. */
  forgetAll(): Promise<void>;
}

export interface Ledger extends AuditLog, NoticeQueue, PeopleBook, ReleaseRecord {
  readonly sightings: Sightings;

  sources(): Promise<readonly SourceSpec[]>;
  source(name: string): Promise<SourceSpec | null>;
  putSource(spec: SourceSpec): Promise<void>;
  /** Forgets the source, its revisions and its channels. */
  removeSource(name: string): Promise<void>;

  /** One transaction: the next revision of its source, complete, or nothing. */
  sealRevision(draft: RevisionDraft, sealedAt: Instant): Promise<Revision>;
  revision(source: string, number: number): Promise<Revision | null>;
  latestRevision(source: string): Promise<Revision | null>;
  /** Newest first. */
  revisions(source: string): Promise<readonly Revision[]>;
  /** The entries of one revision, by path in code-unit order. */
  entries(source: string, number: number): Promise<readonly RevisionEntry[]>;
  /** What the revisions of a source hold, each content of a path once for as long as it stood there without a break. */
  contentSpans(source: string): Promise<readonly ContentSpan[]>;
  /** Every digest that some revision still names, with its size. */
  referencedBlobs(): Promise<ReadonlyMap<Sha256, number>>;
  /**
   * Removes revisions, and records in the same transaction that they were removed; the blobs that only they named are then
   * unreferenced. `Failure` `revision.in-use` and nothing done when a channel, a pin or an open proposal needs one.
   */
  removeRevisions(source: string, numbers: readonly number[], removal: Removal): Promise<void>;
  /** Revisions that were removed, newest first; also of a source that is gone. */
  purgedRevisions(source: string, limit: number): Promise<readonly PurgedRevision[]>;
  purgedRevision(source: string, number: number): Promise<PurgedRevision | null>;
  /** Since when collections have found a blob unreferenced. */
  looseBlobs(): Promise<ReadonlyMap<Sha256, Instant>>;
  /** Replaces what `looseBlobs` answers. */
  putLooseBlobs(since: ReadonlyMap<Sha256, Instant>): Promise<void>;
  /** Where a blob stands: every source and path that names it now. */
  whereBlob(sha256: Sha256): Promise<readonly BlobPlace[]>;

  position(source: string, channel: string): Promise<ChannelPosition | null>;
  positions(): Promise<readonly ChannelPosition[]>;
  /**
   * Moves a channel and records the move, in one transaction. Nothing is done, and the answer says what whoever decided
   * did not know, when the channel has moved since `expectedMoves` was read, or an order (a hold, a pin, a block, another
   * policy) stands in the audit log behind the first `seen` entries.
   */
  moveChannel(position: ChannelPosition, move: ChannelMove, expectedMoves: number, seen: number): Promise<MoveEnd>;
  /** Newest first. */
  moves(source: string, limit: number): Promise<readonly ChannelMove[]>;

  upstreamNotes(source: string): Promise<readonly UpstreamNote[]>;
  /** Replaces what `upstreamNotes` answers. */
  putUpstreamNotes(source: string, notes: readonly UpstreamNote[]): Promise<void>;

  /** Adds what was found of a revision, with its entry in the audit log. */
  recordEvidence(found: readonly Evidence[]): Promise<void>;
  /** Of one revision, in the order in which it was found. */
  evidence(source: string, revision: number): Promise<readonly Evidence[]>;

  recordSync(record: SyncRecord): Promise<void>;
  /** Newest first. */
  syncs(source: string | null, limit: number): Promise<readonly SyncRecord[]>;
  /** Of all sources, also of those that are gone, by source, outcome and code; `after`: `through` of the answer before, or 0. */
  syncTotals(after: number): Promise<SyncTotals>;
  recordEvent(event: EventRecord): Promise<void>;
  /** Newest first. */
  events(limit: number): Promise<readonly EventRecord[]>;
  /** Writes a copy into a new file, as the ledger is at one moment, while it goes on being used. */
  copyTo(file: string): Promise<void>;
  close(): Promise<void>;
}

/** What serving needs, written as files that need no database: see docs/store-format.md. */
export interface Views {
  /** Writes the revision's view, durably. Idempotent. */
  writeRevision(revision: Revision, entries: readonly RevisionEntry[]): Promise<void>;
  hasRevision(source: string, number: number): Promise<boolean>;
  removeRevision(source: string, number: number): Promise<void>;
  listRevisions(): Promise<readonly { readonly source: string; readonly number: number }[]>;
  /** Replaces the channel's pointer file; the same time whatever the revisions hold. */
  writePointer(channel: string, mounts: readonly PointerMount[], withheld?: Withheld): Promise<void>;
}

/** What no server may serve, whatever view a client is held on. */
export interface Withheld {
  readonly digests: readonly Sha256[];
  readonly revisions: readonly { readonly source: string; readonly revision: number }[];
}

/** Every named step of an export, in order; a stop at any of them leaves the old tree or the new one, whole. */
export const TREE_STEPS = ["tree.built", "tree.recorded", "tree.switched", "tree.removed"] as const;
export type AtTreeStep = (step: (typeof TREE_STEPS)[number]) => void;

/** What a tree is to hold, and who is told how far it is. */
export interface TreeOrder {
  readonly channel: string;
  readonly method: TreeMethod;
  readonly mounts: readonly {
    readonly source: string;
    readonly mount: string;
    readonly revision: number;
    readonly movedAt: Instant;
  }[];
  readonly files: Iterable<TreeFile>;
  /** About how many files. */
  readonly total: number;
  readonly report: (phase: string, done: number, total: number | null, unit: "files") => void;
  readonly signal: AbortSignal;
}

/** One channel's exported trees in one folder, of which one is current. */
export interface TreeFolder {
  /** What other servers are to serve: a link that is exchanged. */
  readonly root: string;
  readonly present: TreeRecord | null;
  /** Writes a tree beside the present one and puts it into its place. */
  build(order: TreeOrder): Promise<TreeRecord | Refusal>;
  /** Removes trees that were replaced before then, and those that were cut off; how many. */
  sweep(replacedBefore: Instant): Promise<number>;
}

/** Trees of plain files, for those who serve a channel by other servers. */
export interface Trees {
  /** Opens a folder for a channel's trees, and makes it where there is none; an existing one must be empty or its own. */
  open(folder: string, channel: string): Promise<TreeFolder | Refusal>;
}

/** One source in a channel's pointer file. */
export interface PointerMount {
  readonly source: string;
  readonly mount: string;
  readonly revision: number;
  readonly steps: readonly { readonly revision: number; readonly movedAt: Instant }[];
}

/** One file asked of one address of a source. */
export interface FetchWish {
  /** Which of the source's addresses is asked. */
  readonly address: number;
  /** Below the source's address. */
  readonly path: string;
  readonly list: boolean;
  readonly first: number | null;
  readonly unless: { readonly etag: string | null; readonly lastModified: string | null } | null;
  /** The cap in bytes: within one buffer of it the transfer stops. */
  readonly most: number;
  readonly sha512: boolean;
  /** Milliseconds that are left of the run. */
  readonly wallTime: number;
  /** Called with every so many bytes that came. */
  readonly progress: (bytes: number) => void;
  /** Called with the bytes that are to come, when a body begins and the upstream has said how many: only its word. */
  readonly announced?: (bytes: number) => void;
}

type ListingDialect = "html" | "mlsd" | "ftp-list" | "names";

export type Fetched =
  | {
      readonly kind: "landed";
      readonly landed: Landed;
      readonly etag: string | null;
      readonly lastModified: string | null;
      readonly dialect: ListingDialect | null;
    }
  | { readonly kind: "not-modified" }
  | { readonly kind: "absent" };

/** Fetches one file from one address into quarantine, resuming what was interrupted. Throws `Failure`. */
export interface Fetcher {
  fetch(source: SourceSpec, wish: FetchWish, signal: AbortSignal): Promise<Fetched>;
}

/** A file at hand for inspection. */
export interface InspectableFile {
  readonly path: string;
  readonly file: string;
  readonly size: number;
  readonly partial: boolean;
  readonly dialect: ListingDialect | null;
  readonly lastModified: Instant | null;
  readonly absent: boolean;
}

export type FeedReading =
  | {
      readonly kind: "needs";
      readonly files: readonly {
        readonly path: string;
        readonly list: boolean;
        readonly first: number | null;
        readonly optional: boolean;
        readonly most: number;
      }[];
    }
  | { readonly kind: "listing"; readonly listing: FeedListing; readonly findings: ListingFindings };

export interface Inspector {
  readFeed(source: SourceSpec, files: readonly InspectableFile[], now: Instant): Promise<FeedReading>;
  inspectArtifact(
    source: SourceSpec,
    artifact: ListedArtifact,
    file: InspectableFile,
    companion: InspectableFile | null,
    now: Instant,
    caps: { readonly expandedBytes: number },
  ): Promise<ContentFindings>;
  /** What the content of a blob means, for a person who compares two revisions. */
  summarize(kind: SummaryKind, entry: RevisionEntry, caps: { readonly expandedBytes: number }): Promise<ContentSummary>;
}

/** What a check says of a revision; `note`: nothing for or against it. */
export interface CheckWord {
  readonly outcome: Evidence["outcome"];
  readonly code: EvidenceCode;
  readonly detail: string;
}

/** Runs the operator's checks over a revision's content, in a jail. */
export interface Checker {
  check(check: CheckSpec, entries: readonly RevisionEntry[], signal: AbortSignal): Promise<CheckWord>;
}

/** Where events go: the log line and the ledger. */
export interface Events {
  emit(name: string, fields: EventRecord["fields"]): void;
}
