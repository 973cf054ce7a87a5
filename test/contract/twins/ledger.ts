import { createHash } from "node:crypto";
import {
  completedNodes,
  consistencyProof,
  type NodeAt,
  rootOf,
  type TreeHash,
} from "../../../src/core/audit/merkle-tree.ts";
import type { Sha256 } from "../../../src/core/kernel/digest.ts";
import { Failure } from "../../../src/core/kernel/errors.ts";
import type { Instant } from "../../../src/core/kernel/instant.ts";
import type { SafePath } from "../../../src/core/kernel/safe-path.ts";
import {
  AUDIT_ORDERS,
  type AuditCheckpoint,
  type AuditDraft,
  type AuditKind,
  auditLine,
  auditOfEvidence,
  auditOfMove,
  auditOfPolicy,
  auditOfProposal,
  auditOfProposalEnd,
  auditOfRelease,
  auditOfRemoval,
  auditOfRestraint,
  auditOfRevision,
  auditOfSignOff,
  auditOfSync,
} from "../../../src/core/model/audit-entry.ts";
import type { ChannelMove, ChannelPosition, MoveEnd } from "../../../src/core/model/channel.ts";
import type { Evidence } from "../../../src/core/model/evidence.ts";
import type { StoredPolicy } from "../../../src/core/model/policy.ts";
import type {
  Proposal,
  ProposalDraft,
  ProposalEdit,
  ProposalEnd,
  Signed,
  SignOff,
} from "../../../src/core/model/proposal.ts";
import { isActive, type Restraint, type RestraintDraft } from "../../../src/core/model/restraint.ts";
import type {
  ContentSpan,
  PurgedRevision,
  Removal,
  Revision,
  RevisionDraft,
  RevisionEntry,
} from "../../../src/core/model/revision.ts";
import { mountOf, type SourceSpec } from "../../../src/core/model/source.ts";
import type { SyncTotals } from "../../../src/core/model/sync-totals.ts";
import type { Person, PersonIdentity, Token } from "../../../src/core/people/person.ts";
import type {
  BlobPlace,
  EventRecord,
  Ledger,
  Notice,
  NoticeDraft,
  NoticeEnd,
  PersonDraft,
  SyncRecord,
  UpstreamNote,
} from "../../../src/core/ports.ts";
import { MemorySightings } from "./sightings.ts";

interface Held {
  readonly revision: Revision;
  readonly entries: readonly RevisionEntry[];
}

interface HeldSource {
  readonly spec: SourceSpec;
  readonly revisions: Map<number, Held>;
  readonly positions: Map<string, ChannelPosition>;
  readonly notes: Map<string, UpstreamNote>;
  moves: readonly ChannelMove[];
}

/**
 * The ledger in memory: every revision whole and by itself, so simple that it can be seen to be right. It is what the
 * real ledgers are compared with, and what tests of the operations run on.
 */
export class MemoryLedger implements Ledger {
  readonly sightings: MemorySightings = new MemorySightings((name) => {
    const held = this.#sources.get(name);
    if (held === undefined) return null;
    const mount = mountOf(held.spec);
    const entries = [...held.revisions.values()].flatMap((one) => one.entries);
    return {
      last: this.#numbers.get(name) ?? 0,
      has: (path, sha256) =>
        entries.some(
          (entry) => entry.sha256 === sha256 && [`${mount}${entry.path}`, `/by-hash/sha256/${sha256}`].includes(path),
        ),
    };
  });
  readonly #sources = new Map<string, HeldSource>();
  readonly #numbers = new Map<string, number>();
  readonly #purged: PurgedRevision[] = [];
  #loose: ReadonlyMap<Sha256, Instant> = new Map();
  #restraints: readonly Restraint[] = [];
  #proposals: readonly Proposal[] = [];
  #policies: readonly StoredPolicy[] = [];
  #syncs: readonly SyncRecord[] = [];
  #events: readonly EventRecord[] = [];
  readonly #audit = new MemoryAudit();
  #checkpoints: readonly AuditCheckpoint[] = [];
  #notices: readonly Notice[] = [];
  #noticeId = 0;
  #evidence: readonly Evidence[] = [];
  readonly #people = new Map<string, { readonly person: Person; readonly password: string | null }>();
  readonly #tokens = new Map<string, { readonly token: Token; readonly secretHash: Sha256 }>();

  #held(name: string): HeldSource {
    const held = this.#sources.get(name);
    if (held === undefined) throw new Failure("source.unknown", `no source ${name}`);
    return held;
  }

  async sources(): Promise<readonly SourceSpec[]> {
    return [...this.#sources.values()].map(({ spec }) => spec).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async source(name: string): Promise<SourceSpec | null> {
    return this.#sources.get(name)?.spec ?? null;
  }

  async putSource(spec: SourceSpec): Promise<void> {
    const none = { revisions: new Map(), positions: new Map(), notes: new Map(), moves: [] };
    this.#sources.set(spec.name, { ...(this.#sources.get(spec.name) ?? none), spec });
  }

  async removeSource(name: string): Promise<void> {
    this.#sources.delete(name);
    this.sightings.removeSource(name);
  }

  async sealRevision(draft: RevisionDraft, sealedAt: Instant): Promise<Revision> {
    const held = this.#held(draft.source);
    const number = (this.#numbers.get(draft.source) ?? 0) + 1;
    if (new Set(draft.entries.map(({ path }) => path)).size < draft.entries.length) {
      throw new Error("a draft names a path twice");
    }
    const last = [...held.revisions.values()].at(-1);
    const before = new Map((last?.entries ?? []).map((entry) => [entry.path, entry]));
    const entries = draft.entries.map((entry) => {
      const old = before.get(entry.path);
      return old?.sha256 === entry.sha256 ? old : { ...entry, since: number };
    });
    const { source, series, vouchedBy, unsigned } = draft;
    const builtTimes = entries.map(({ builtAt }) => builtAt).filter((builtAt) => builtAt !== null);
    const revision: Revision = {
      source,
      number,
      sealedAt,
      series,
      vouchedBy,
      unsigned,
      files: entries.length,
      bytes: entries.reduce((sum, { size }) => sum + size, 0),
      newestBuiltAt: builtTimes.length === 0 ? null : builtTimes.reduce((a, b) => Math.max(a, b)),
    };
    this.#numbers.set(source, number);
    const sorted = entries.toSorted(byPath);
    held.revisions.set(number, { revision, entries: sorted });
    const fresh = sorted.filter(({ since }) => since === number);
    for (const draft of auditOfRevision(revision, fresh)) this.#audit.append(draft);
    return revision;
  }

  async revision(source: string, number: number): Promise<Revision | null> {
    return this.#sources.get(source)?.revisions.get(number)?.revision ?? null;
  }

  async latestRevision(source: string): Promise<Revision | null> {
    return (await this.revisions(source))[0] ?? null;
  }

  async revisions(source: string): Promise<readonly Revision[]> {
    return [...(this.#sources.get(source)?.revisions.values() ?? [])].map(({ revision }) => revision).toReversed();
  }

  async entries(source: string, number: number): Promise<readonly RevisionEntry[]> {
    return this.#sources.get(source)?.revisions.get(number)?.entries ?? [];
  }

  async contentSpans(source: string): Promise<readonly ContentSpan[]> {
    return [...this.#held(source).revisions].flatMap(([number, { entries }]) =>
      entries.map(({ sha256, size }) => ({ sha256, size, since: number, until: number + 1 })),
    );
  }

  async referencedBlobs(): Promise<ReadonlyMap<Sha256, number>> {
    const named = new Map<Sha256, number>();
    for (const { revisions } of this.#sources.values()) {
      for (const { entries } of revisions.values()) for (const { sha256, size } of entries) named.set(sha256, size);
    }
    return named;
  }

  async removeRevisions(source: string, numbers: readonly number[], removal: Removal): Promise<void> {
    if (numbers.length === 0) return;
    const { revisions, positions, notes } = this.#held(source);
    const needed = [
      ...[...positions.values()].map(({ revision }) => revision),
      ...this.#proposals.filter((one) => one.source === source && one.state === "open").map((one) => one.revision),
      ...this.#restraints.flatMap((one) =>
        isActive(one, removal.purgedAt) && one.on.kind === "pin" && one.on.source === source ? [one.on.revision] : [],
      ),
    ];
    const gone = numbers.filter((number) => revisions.has(number));
    for (const number of gone)
      if (needed.includes(number)) throw new Failure("revision.in-use", `revision ${number}`, { retry: "later" });
    for (const number of gone) {
      const { sealedAt, files, bytes, vouchedBy } = (revisions.get(number) as Held).revision;
      this.#purged.push({ source, number, sealedAt, files, bytes, vouchedBy, ...removal });
      revisions.delete(number);
    }
    for (const draft of auditOfRemoval(source, gone, removal)) this.#audit.append(draft);
    const named = new Set([...revisions.values()].flatMap(({ entries }) => entries.map(({ sha256 }) => sha256)));
    for (const note of notes.values()) if (!named.has(note.sha256)) notes.delete(note.path);
  }

  async purgedRevisions(source: string, limit: number): Promise<readonly PurgedRevision[]> {
    const found = this.#purged.filter((one) => one.source === source).toSorted((a, b) => b.number - a.number);
    return found.slice(0, limit);
  }

  async purgedRevision(source: string, number: number): Promise<PurgedRevision | null> {
    return this.#purged.find((one) => one.source === source && one.number === number) ?? null;
  }

  async looseBlobs(): Promise<ReadonlyMap<Sha256, Instant>> {
    return this.#loose;
  }

  async putLooseBlobs(since: ReadonlyMap<Sha256, Instant>): Promise<void> {
    this.#loose = new Map(since);
  }

  async whereBlob(sha256: Sha256): Promise<readonly BlobPlace[]> {
    const found: BlobPlace[] = [];
    for (const source of [...this.#sources.keys()].toSorted()) {
      const named = new Map<SafePath, number[]>();
      for (const [number, { entries }] of this.#held(source).revisions) {
        for (const { path, sha256: one } of entries)
          if (one === sha256) named.set(path, [...(named.get(path) ?? []), number]);
      }
      const here = [...named].map(([path, numbers]) => {
        return { source, since: Math.min(...numbers), revision: Math.max(...numbers), path };
      });
      found.push(...here.toSorted(byPath));
    }
    return found;
  }

  async position(source: string, channel: string): Promise<ChannelPosition | null> {
    return this.#sources.get(source)?.positions.get(channel) ?? null;
  }

  async positions(): Promise<readonly ChannelPosition[]> {
    const all = [...this.#sources.values()].flatMap(({ positions }) => [...positions.values()]);
    const key = (position: ChannelPosition): string => `${position.source} ${position.channel}`;
    return all.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  async moveChannel(
    position: ChannelPosition,
    move: ChannelMove,
    expectedMoves: number,
    seen: number,
  ): Promise<MoveEnd> {
    if (position.moves <= expectedMoves) throw new Error("a move that does not count");
    const held = this.#held(position.source);
    if ((held.positions.get(position.channel)?.moves ?? 0) !== expectedMoves) return "overtaken-by-move";
    const later = this.#audit.lines.slice(seen);
    if (later.some((line) => AUDIT_ORDERS.some((kind) => line.includes(`"kind":"${kind}"`))))
      return "overtaken-by-order";
    if (!held.revisions.has(position.revision)) throw new Failure("revision.unknown", `revision ${position.revision}`);
    held.positions.set(position.channel, position);
    held.moves = [move, ...held.moves];
    this.#audit.append(auditOfMove(move));
    return "done";
  }

  async moves(source: string, limit: number): Promise<readonly ChannelMove[]> {
    return (this.#sources.get(source)?.moves ?? []).slice(0, limit);
  }

  async upstreamNotes(source: string): Promise<readonly UpstreamNote[]> {
    return [...(this.#sources.get(source)?.notes.values() ?? [])].toSorted(byPath);
  }

  async putUpstreamNotes(source: string, notes: readonly UpstreamNote[]): Promise<void> {
    const held = this.#held(source);
    held.notes.clear();
    for (const note of notes) held.notes.set(note.path, note);
  }

  async recordEvidence(found: readonly Evidence[]): Promise<void> {
    this.#evidence = [...this.#evidence, ...found];
    for (const each of found) this.#audit.append(auditOfEvidence(each));
  }

  async evidence(source: string, revision: number): Promise<readonly Evidence[]> {
    return this.#evidence.filter((each) => each.source === source && each.revision === revision);
  }

  async recordSync(record: SyncRecord): Promise<void> {
    this.#syncs = [record, ...this.#syncs];
    this.#audit.append(auditOfSync(record));
  }

  async syncs(source: string | null, limit: number): Promise<readonly SyncRecord[]> {
    return this.#syncs.filter((record) => source === null || record.source === source).slice(0, limit);
  }

  async syncTotals(after: number): Promise<SyncTotals> {
    const groups = Map.groupBy(
      this.#syncs.slice(0, this.#syncs.length - after),
      ({ source, outcome, code }) => `${source} ${outcome} ${code}`,
    );
    const totals = [...groups.values()].flatMap((records) => {
      const [first] = records;
      if (first === undefined) return [];
      const { source, outcome, code } = first;
      const bytes = records.reduce((sum, each) => sum + each.bytes, 0);
      const lastEndedAt = Math.max(...records.map(({ endedAt }) => endedAt));
      return [{ source, outcome, code, runs: records.length, bytes, lastEndedAt }];
    });
    return { through: this.#syncs.length, totals };
  }

  async recordEvent(event: EventRecord): Promise<void> {
    this.#events = [event, ...this.#events];
  }

  async events(limit: number): Promise<readonly EventRecord[]> {
    return this.#events.slice(0, limit);
  }

  async audit(drafts: readonly AuditDraft[]): Promise<void> {
    for (const draft of drafts) this.#audit.append(draft);
  }

  async auditSize(): Promise<number> {
    return this.#audit.lines.length;
  }

  async auditLines(from: number, limit: number): Promise<readonly string[]> {
    return this.#audit.lines.slice(from, from + limit);
  }

  async auditFound(kind: AuditKind, holding: string, limit: number): Promise<readonly string[]> {
    const found = this.#audit.lines.filter((line) => line.includes(`"kind":"${kind}"`) && line.includes(holding));
    return found.slice(0, limit);
  }

  async auditNearest(kind: AuditKind, holding: string, n: number, side: "before" | "behind"): Promise<string | null> {
    const [before, behind] = [this.#audit.lines.slice(0, n), this.#audit.lines.slice(n + 1)];
    const fits = (line: string): boolean => line.includes(`"kind":"${kind}"`) && line.includes(holding);
    return (side === "before" ? before.findLast(fits) : behind.find(fits)) ?? null;
  }

  async auditRoot(size: number): Promise<Uint8Array> {
    return rootOf(hash, size, this.#audit.nodeAt);
  }

  async auditConsistency(from: number, to: number): Promise<readonly Uint8Array[]> {
    return consistencyProof(hash, from, to, this.#audit.nodeAt);
  }

  async putCheckpoint(checkpoint: AuditCheckpoint): Promise<void> {
    if (this.#checkpoints.some(({ size }) => size === checkpoint.size)) return;
    this.#checkpoints = [checkpoint, ...this.#checkpoints].toSorted((a, b) => b.size - a.size);
  }

  async checkpoints(limit: number): Promise<readonly AuditCheckpoint[]> {
    return this.#checkpoints.slice(0, limit);
  }

  async putNotices(drafts: readonly NoticeDraft[]): Promise<void> {
    const fresh = drafts.map((draft) => ({ ...draft, id: ++this.#noticeId, tries: 0 }));
    this.#notices = [...this.#notices, ...fresh];
  }

  async dueNotices(subscriber: string, now: Instant, limit: number): Promise<readonly Notice[]> {
    const due = this.#notices.filter((notice) => notice.subscriber === subscriber && notice.dueAt <= now);
    return due.slice(0, limit);
  }

  async endNotices(ids: readonly number[], end: NoticeEnd): Promise<void> {
    this.#notices = this.#notices.flatMap((notice) => {
      if (!ids.includes(notice.id)) return [notice];
      return end.kind === "done" ? [] : [{ ...notice, dueAt: end.dueAt, tries: notice.tries + 1 }];
    });
  }

  async waitingNotices(): Promise<ReadonlyMap<string, number>> {
    const names = [...new Set(this.#notices.map(({ subscriber }) => subscriber))].toSorted();
    return new Map(names.map((name) => [name, this.#notices.filter(({ subscriber }) => subscriber === name).length]));
  }

  async trimNotices(subscriber: string, most: number): Promise<number> {
    const own = this.#notices.filter((notice) => notice.subscriber === subscriber);
    const gone = new Set(own.slice(0, Math.max(0, own.length - most)));
    this.#notices = this.#notices.filter((notice) => !gone.has(notice));
    return gone.size;
  }

  async policy(source: string): Promise<StoredPolicy | null> {
    return this.#policies.find((stored) => stored.source === source) ?? null;
  }

  async policyHistory(source: string, limit: number): Promise<readonly StoredPolicy[]> {
    return this.#policies.filter((stored) => stored.source === source).slice(0, limit);
  }

  async putPolicy(stored: StoredPolicy): Promise<boolean> {
    const newest = this.#policies.find(({ source }) => source === stored.source)?.version ?? 0;
    if (stored.version !== newest + 1) return false;
    this.#policies = [stored, ...this.#policies];
    this.#audit.append(auditOfPolicy(stored));
    return true;
  }

  async people(): Promise<readonly Person[]> {
    return [...this.#people.values()].map(({ person }) => person).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async person(name: string): Promise<Person | null> {
    return this.#people.get(name)?.person ?? null;
  }

  async passwordOf(name: string): Promise<string | null> {
    return this.#people.get(name)?.password ?? null;
  }

  async putPerson(person: PersonDraft, password?: string | null): Promise<void> {
    const held = this.#people.get(person.name);
    const kept = password === undefined ? (held?.password ?? null) : password;
    const createdAt = held?.person.createdAt ?? person.createdAt;
    const { name, roles, disabled } = person;
    const identity = held?.person.identity ?? null;
    const all = { name, roles, disabled, createdAt, identity, hasPassword: kept !== null };
    this.#people.set(name, { person: all, password: kept });
  }

  async personByIdentity({ issuer, subject }: PersonIdentity): Promise<Person | null> {
    const all = await this.people();
    return all.find(({ identity }) => identity?.issuer === issuer && identity.subject === subject) ?? null;
  }

  async addLinkedPerson(person: PersonDraft, identity: PersonIdentity, entry: AuditDraft): Promise<boolean> {
    if (this.#people.has(person.name) || (await this.personByIdentity(identity)) !== null) return false;
    await this.putPerson(person);
    return this.linkPerson(person.name, identity, entry);
  }

  async linkPerson(name: string, identity: PersonIdentity, entry: AuditDraft): Promise<boolean> {
    const held = this.#people.get(name);
    if (held === undefined || held.person.identity !== null) return false;
    if ((await this.personByIdentity(identity)) !== null) return false;
    this.#people.set(name, { person: { ...held.person, identity, hasPassword: false }, password: null });
    this.#audit.append(entry);
    return true;
  }

  async tokens(person: string | null): Promise<readonly Token[]> {
    const all = [...this.#tokens.values()].map(({ token }) => token);
    const own = all.filter((token) => person === null || token.person === person);
    return own.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  }

  async putToken(token: Token, secretHash: Sha256): Promise<void> {
    this.#tokens.set(token.id, { token, secretHash });
  }

  async tokenBy(id: string): Promise<{ readonly token: Token; readonly secretHash: Sha256 } | null> {
    return this.#tokens.get(id) ?? null;
  }

  async touchToken(id: string, at: Instant): Promise<void> {
    const held = this.#tokens.get(id);
    if (held !== undefined) this.#tokens.set(id, { ...held, token: { ...held.token, lastUsedAt: at } });
  }

  async removeToken(id: string): Promise<boolean> {
    return this.#tokens.delete(id);
  }

  async addProposal(draft: ProposalDraft): Promise<Proposal | null> {
    const rival = this.#proposals.find(
      ({ state, source, channel }) => state === "open" && source === draft.source && channel === draft.channel,
    );
    if (rival !== undefined) return null;
    const id = this.#proposals.length + 1;
    const made: Proposal = { ...draft, id, version: 1, state: "open", signOffs: [], authors: [draft.by] };
    this.#proposals = [made, ...this.#proposals];
    this.#audit.append(auditOfProposal("proposal.made", made));
    return made;
  }

  async proposal(id: number): Promise<Proposal | null> {
    return this.#proposals.find((each) => each.id === id) ?? null;
  }

  async proposals(...[{ state, source }, limit]: Parameters<Ledger["proposals"]>): Promise<readonly Proposal[]> {
    const asked = this.#proposals.filter(
      (each) => (state === null || each.state === state) && (source === null || each.source === source),
    );
    return asked.slice(0, limit);
  }

  #replaceOpen(id: number, version: number, next: (open: Proposal) => Proposal): Proposal | null {
    const open = this.#proposals.find((each) => each.id === id && each.version === version && each.state === "open");
    if (open === undefined) return null;
    const after = next(open);
    this.#proposals = this.#proposals.map((each) => (each === open ? after : each));
    return after;
  }

  async editProposal(id: number, version: number, edit: ProposalEdit): Promise<boolean> {
    const after = this.#replaceOpen(id, version, (open) => {
      const authors = [...new Set([...open.authors, edit.by])];
      return { ...open, ...edit, version: version + 1, signOffs: [], authors };
    });
    if (after !== null) this.#audit.append(auditOfProposal("proposal.edited", after));
    return after !== null;
  }

  async signProposal(id: number, version: number, signOff: SignOff): Promise<Signed> {
    let again = false;
    const after = this.#replaceOpen(id, version, (open) => {
      again = open.signOffs.some(({ by }) => by === signOff.by);
      const order = (a: SignOff, b: SignOff): number => a.at - b.at || (a.by < b.by ? -1 : 1);
      return again ? open : { ...open, signOffs: [...open.signOffs, signOff].toSorted(order) };
    });
    if (after === null) return "changed";
    if (again) return "signed-already";
    this.#audit.append(auditOfSignOff(id, version, signOff));
    return "signed";
  }

  async endProposal(id: number, version: number, end: ProposalEnd): Promise<boolean> {
    const after = this.#replaceOpen(id, version, (open) => ({ ...open, state: end.state }));
    if (after !== null) this.#audit.append(auditOfProposalEnd(id, version, end));
    return after !== null;
  }

  async addRestraint(draft: RestraintDraft): Promise<Restraint> {
    const restraint = { ...draft, id: this.#restraints.length + 1, released: null };
    this.#restraints = [restraint, ...this.#restraints];
    this.#audit.append(auditOfRestraint(restraint));
    return restraint;
  }

  async releaseRestraint(id: number, released: NonNullable<Restraint["released"]>): Promise<boolean> {
    const found = this.#restraints.find((each) => each.id === id && each.released === null);
    if (found === undefined) return false;
    this.#restraints = this.#restraints.map((each) => (each === found ? { ...each, released } : each));
    this.#audit.append(auditOfRelease(id, released));
    return true;
  }

  async restraints(all: boolean): Promise<readonly Restraint[]> {
    return this.#restraints.filter(({ released }) => all || released === null);
  }

  async namedBlobs(source: string, revision: number, digests: readonly Sha256[]): Promise<readonly Sha256[]> {
    const named = new Set((await this.entries(source, revision)).map(({ sha256 }) => sha256));
    return [...new Set(digests)].filter((each) => named.has(each));
  }

  async copyTo(): Promise<void> {
    throw new Error("the twin has no file to copy");
  }

  async close(): Promise<void> {}
}

const hash: TreeHash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

class MemoryAudit {
  readonly lines: string[] = [];
  readonly #nodes = new Map<string, Uint8Array>();
  readonly nodeAt: NodeAt = (level, index) => {
    const found = this.#nodes.get(`${level}/${index}`);
    if (found === undefined) throw new Error(`no node ${level}/${index}`);
    return found;
  };

  append(draft: AuditDraft): void {
    const line = auditLine({ n: this.lines.length, ...draft });
    for (const node of completedNodes(hash, this.lines.length, Buffer.from(line), this.nodeAt))
      this.#nodes.set(`${node.level}/${node.index}`, node.hash);
    this.lines.push(line);
  }
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
