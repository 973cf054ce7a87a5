import type { Instant } from "../kernel/instant.ts";
import type { ChannelMove } from "./channel.ts";
import type { Evidence } from "./evidence.ts";
import type { SignatureFinding } from "./feed-listing.ts";
import type { StoredPolicy } from "./policy.ts";
import type { Proposal, ProposalEnd, SignOff } from "./proposal.ts";
import { type Restraint, restraintText } from "./restraint.ts";
import type { Removal, Revision, RevisionEntry } from "./revision.ts";

/**
 * What the audit log holds, and what each kind says. The log is no list of events: what stands in it was decided or
 * done, is never rotated or changed, and can be proved (docs/audit-log.md).
 */
export const AUDIT_KINDS = {
  "source.set": "a source was set up, or given another description",
  "source.removed": "a source and its revisions were forgotten",
  "policy.set": "a source got another release policy, or lost it",
  "proposal.made": "a promotion was proposed",
  "proposal.edited": "a proposal was changed, which voids its sign-offs",
  "proposal.signed": "somebody signed one version of a proposal",
  "proposal.ended": "a proposal was carried out, withdrawn, overtaken, or ran out",
  "restraint.set": "a hold, a pin or a block was put",
  "restraint.released": "a hold, a pin or a block was released",
  "shutoff.changed": "the daemon found other orders to serve nothing than before",
  "feed.judged": "a vendor's index was judged: which signatures were found, and the verdict",
  "artifact.judged": "a file that proves itself was inspected: which signatures were found, and the verdict",
  "revision.admitted": "files that are new in a revision, with their digests; as many lines as they take",
  "revision.sealed": "a revision became complete: who vouches for it, and how many files it has",
  "revisions.removed":
    "revisions were removed by a collection: which, for whom and why; that they were sealed stands above",
  "channel.moved": "a channel was promoted or rolled back, by whom and why",
  "evidence.found": "a check, the vendor's own behaviour or somebody from outside spoke of a revision, with a code",
  "sync.ended": "a run of a source ended: with a new revision, with nothing new, refused or failed",
  "person.set": "somebody was made known, or got other roles or another password",
  "person.linked": "somebody was tied to an issuer's identity: from then on they log in there",
  "person.entered": "somebody came in through an issuer, with the roles that their groups gave",
  "token.made": "a token was made for somebody",
  "token.revoked": "a token was revoked",
} as const satisfies Record<string, string>;

/** Orders that stand in the way of moves: a move that was decided before one of them is decided again. */
export const AUDIT_ORDERS = ["restraint.set", "policy.set"] as const satisfies readonly (keyof typeof AUDIT_KINDS)[];

export type AuditKind = keyof typeof AUDIT_KINDS;

type Plain = string | number | boolean | null;
type AuditFields = Readonly<Record<string, Plain | readonly (Plain | readonly Plain[])[]>>;

/** One entry before it has its number. */
export interface AuditDraft {
  readonly at: Instant;
  readonly kind: AuditKind;
  readonly fields: AuditFields;
}

/** One entry as it stands in the log: its number counts from 0 without a gap. */
export interface AuditEntry extends AuditDraft {
  readonly n: number;
}

/** A signed state of the log: so many entries, under this root. */
export interface AuditCheckpoint {
  readonly size: number;
  readonly at: Instant;
  /** A C2SP checkpoint in a signed note. */
  readonly note: string;
}

/** Characters of a free text in an entry: a vendor chooses some of them. */
const MOST_TEXT = 4_096;
/** Files of one `revision.admitted` entry. */
const FILES_PER_ENTRY = 500;

/** The bytes of an entry are the leaf of the tree: they are written once and never made anew. */
export function auditLine({ n, at, kind, fields }: AuditEntry): string {
  return JSON.stringify({ n, at, kind, fields });
}

export function auditOfMove({ source, channel, kind, from, to, at, by, reason }: ChannelMove): AuditDraft {
  return { at, kind: "channel.moved", fields: { source, channel, move: kind, from, to, by, reason: cut(reason) } };
}

export function auditOfPolicy({ source, version, policy, at, by, reason }: StoredPolicy): AuditDraft {
  const said = policy === null ? null : cut(JSON.stringify(policy));
  return { at, kind: "policy.set", fields: { source, version, policy: said, by, reason: cut(reason) } };
}

export function auditOfEvidence({ source, revision, name, outcome, code, detail, at, by }: Evidence): AuditDraft {
  return { at, kind: "evidence.found", fields: { source, revision, name, outcome, code, detail: cut(detail), by } };
}

/** A proposal as it stands, new or edited. */
export function auditOfProposal(kind: "proposal.made" | "proposal.edited", proposal: Proposal): AuditDraft {
  const { id, version, source, channel, kind: lane, revision, by, at, reason, demands, expiresAt } = proposal;
  const asked = demands.map(({ role, people }) => [role, people]);
  const what = { proposal: id, version, source, channel, lane, revision };
  return { at, kind, fields: { ...what, by, reason: cut(reason), asked, expiresAt } };
}

export function auditOfSignOff(id: number, version: number, { by, roles, at, comment }: SignOff): AuditDraft {
  return { at, kind: "proposal.signed", fields: { proposal: id, version, by, roles, comment: cut(comment) } };
}

export function auditOfProposalEnd(id: number, version: number, { state, by, at, reason }: ProposalEnd): AuditDraft {
  return { at, kind: "proposal.ended", fields: { proposal: id, version, state, by, reason: cut(reason) } };
}

export function auditOfRestraint({ id, on, reason, by, at, expiresAt }: Restraint): AuditDraft {
  return {
    at,
    kind: "restraint.set",
    fields: { restraint: id, on: restraintText(on), by, reason: cut(reason), expiresAt },
  };
}

export function auditOfRelease(id: number, { by, at, reason }: NonNullable<Restraint["released"]>): AuditDraft {
  return { at, kind: "restraint.released", fields: { restraint: id, by, reason: cut(reason) } };
}

/** Signatures of one entry; what stands behind them is counted. */
const MOST_SIGNATURES = 256;

/** What was found of an index or a file, and what was judged of it: `code` is the refusal's, or `null`. */
export function auditOfVerdict(
  kind: "feed.judged" | "artifact.judged",
  at: Instant,
  of: { readonly source: string; readonly path: string; readonly address: number; readonly sha256: string | null },
  signatures: readonly SignatureFinding[],
  refusal: { readonly code: string; readonly detail: string } | null,
): AuditDraft {
  const found = signatures
    .slice(0, MOST_SIGNATURES)
    .map(({ scheme, over, status, signer }) => [scheme, cut(over), status, cut(signer)]);
  return {
    at,
    kind,
    fields: {
      source: of.source,
      path: cut(of.path),
      address: of.address,
      sha256: of.sha256,
      verdict: refusal === null ? "accepted" : "refused",
      code: refusal?.code ?? null,
      detail: cut(refusal?.detail ?? ""),
      signatures: found,
      more: signatures.length - found.length,
    },
  };
}

/** What became of a run, whatever came of it. */
export function auditOfSync(record: {
  readonly source: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly outcome: string;
  readonly code: string | null;
  readonly detail: string;
  readonly revision: number | null;
  readonly bytes: number;
  readonly by: string;
}): AuditDraft {
  const { source, startedAt, endedAt, outcome, code, detail, revision, bytes, by } = record;
  return {
    at: endedAt,
    kind: "sync.ended",
    fields: { source, startedAt, outcome, code, detail: cut(detail), revision, bytes, by },
  };
}

/** A revision with the files that it brings; what it keeps from the one before was admitted with an earlier one. */
export function auditOfRevision(
  revision: Revision,
  fresh: readonly Pick<RevisionEntry, "path" | "sha256" | "size">[],
): readonly AuditDraft[] {
  const { source, number, sealedAt: at, files, bytes, vouchedBy, unsigned, series } = revision;
  const drafts: AuditDraft[] = [];
  for (let from = 0; from < fresh.length; from += FILES_PER_ENTRY) {
    const some = fresh.slice(from, from + FILES_PER_ENTRY).map(({ path, sha256, size }) => [path, sha256, size]);
    drafts.push({ at, kind: "revision.admitted", fields: { source, revision: number, files: some } });
  }
  const versions = series.slice(0, FILES_PER_ENTRY).map(({ name, version }) => [name, version]);
  const said = { source, revision: number, files, bytes, fresh: fresh.length, vouchedBy: cut(vouchedBy), unsigned };
  drafts.push({ at, kind: "revision.sealed", fields: { ...said, series: versions } });
  return drafts;
}

/** The removal of revisions; as many entries as they take. */
export function auditOfRemoval(
  source: string,
  numbers: readonly number[],
  { purgedAt, by, why }: Removal,
): readonly AuditDraft[] {
  const drafts: AuditDraft[] = [];
  for (let from = 0; from < numbers.length; from += FILES_PER_ENTRY) {
    const revisions = numbers.slice(from, from + FILES_PER_ENTRY);
    drafts.push({ at: purgedAt, kind: "revisions.removed", fields: { source, revisions, by, why: cut(why) } });
  }
  return drafts;
}

function cut(text: string): string {
  return text.length > MOST_TEXT ? text.slice(0, MOST_TEXT).toWellFormed() : text.toWellFormed();
}
