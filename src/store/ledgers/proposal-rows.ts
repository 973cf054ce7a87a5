import * as z from "zod";
import { ROLES } from "../../core/model/actor.ts";
import { auditOfProposal, auditOfProposalEnd, auditOfSignOff } from "../../core/model/audit-entry.ts";
import { signOffDemand } from "../../core/model/policy.ts";
import {
  PROPOSAL_KINDS,
  PROPOSAL_STATES,
  type Proposal,
  type ProposalDraft,
  type ProposalEdit,
  type ProposalEnd,
  type ProposalState,
  type Signed,
  type SignOff,
} from "../../core/model/proposal.ts";
import type { Ledger } from "../../core/ports.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection, Row } from "./connection.ts";
import { json, oneOf, text, whole, wholeOrNull } from "./rows.ts";

const demands = z.array(signOffDemand);
const roles = z.array(z.enum(ROLES));
const names = z.array(z.string());

type ProposalBook = Pick<
  Ledger,
  "addProposal" | "proposal" | "proposals" | "editProposal" | "signProposal" | "endProposal"
>;

/** Proposals and their sign-offs. What changes one is one transaction with its line in the audit log. */
export function proposalBook(connection: Connection): ProposalBook {
  return {
    addProposal: async (draft) => connection.transaction(() => addProposalRow(connection, draft)),
    proposal: async (id) => proposalRow(connection, id),
    proposals: async (of, limit) => proposalRows(connection, of, limit),
    editProposal: async (id, version, edit) =>
      connection.transaction(() => editProposalRow(connection, id, version, edit)),
    signProposal: async (id, version, given) =>
      connection.transaction(() => signProposalRow(connection, id, version, given)),
    endProposal: async (id, version, end) => connection.transaction(() => endProposalRow(connection, id, version, end)),
  };
}

function proposalRow(connection: Connection, id: number): Proposal | null {
  const row = connection.get("SELECT * FROM proposal WHERE id = ?", id);
  return row === undefined ? null : proposalFrom(connection, row);
}

function proposalRows(
  connection: Connection,
  { state, source }: { readonly state: ProposalState | null; readonly source: string | null },
  limit: number,
): readonly Proposal[] {
  const sql = `SELECT * FROM proposal WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR source = ?2)
    ORDER BY id DESC LIMIT ?3`;
  return connection.all(sql, state, source, limit).map((row) => proposalFrom(connection, row));
}

function proposalFrom(connection: Connection, row: Row): Proposal {
  const [id, version] = [whole(row["id"]), whole(row["version"])];
  const signed = connection.all(
    "SELECT * FROM sign_off WHERE proposal = ? AND version = ? ORDER BY at, by",
    id,
    version,
  );
  return {
    id,
    version,
    source: text(row["source"]),
    channel: text(row["channel"]),
    kind: oneOf(row["kind"], PROPOSAL_KINDS, "kind of proposal"),
    revision: whole(row["revision"]),
    reason: text(row["reason"]),
    by: text(row["by"]),
    at: whole(row["at"]),
    demands: json(row["demands"], demands, "list of sign-offs"),
    expiresAt: wholeOrNull(row["expires_at"]),
    state: oneOf(row["state"], PROPOSAL_STATES, "state of a proposal"),
    authors: json(row["authors"], names, "list of names"),
    signOffs: signed.map((each) => ({
      by: text(each["by"]),
      roles: json(each["roles"], roles, "list of roles"),
      at: whole(each["at"]),
      comment: text(each["comment"]),
    })),
  };
}

/** Within the caller's transaction, as everything below. */
function addProposalRow(connection: Connection, draft: ProposalDraft): Proposal | null {
  const { source, channel, kind, revision, reason, by, at, demands: asked, expiresAt } = draft;
  const sql = "SELECT 1 FROM proposal WHERE source = ? AND channel = ? AND state = 'open'";
  if (connection.get(sql, source, channel) !== undefined) return null;
  const row = connection.get(
    `INSERT INTO proposal (source, channel, kind, revision, reason, by, at, version, demands, expires_at, state, authors)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 'open', ?) RETURNING id`,
    source,
    channel,
    kind,
    revision,
    reason,
    by,
    at,
    JSON.stringify(asked),
    expiresAt,
    JSON.stringify([by]),
  );
  const proposal = proposalRow(connection, whole(row?.["id"]));
  if (proposal !== null) appendAudit(connection, [auditOfProposal("proposal.made", proposal)]);
  return proposal;
}

function openAt(connection: Connection, id: number, version: number): Proposal | null {
  const proposal = proposalRow(connection, id);
  return proposal?.state === "open" && proposal.version === version ? proposal : null;
}

function editProposalRow(connection: Connection, id: number, version: number, edit: ProposalEdit): boolean {
  const before = openAt(connection, id, version);
  if (before === null) return false;
  const authors = [...new Set([...before.authors, edit.by])];
  connection.run(
    `UPDATE proposal SET revision = ?, reason = ?, by = ?, at = ?, demands = ?, expires_at = ?, authors = ?,
       version = version + 1 WHERE id = ?`,
    edit.revision,
    edit.reason,
    edit.by,
    edit.at,
    JSON.stringify(edit.demands),
    edit.expiresAt,
    JSON.stringify(authors),
    id,
  );
  const after = proposalRow(connection, id);
  if (after !== null) appendAudit(connection, [auditOfProposal("proposal.edited", after)]);
  return true;
}

function signProposalRow(connection: Connection, id: number, version: number, signOff: SignOff): Signed {
  const proposal = openAt(connection, id, version);
  if (proposal === null) return "changed";
  if (proposal.signOffs.some(({ by }) => by === signOff.by)) return "signed-already";
  const { by, roles: held, at, comment } = signOff;
  const sql = "INSERT INTO sign_off (proposal, version, by, roles, at, comment) VALUES (?, ?, ?, ?, ?, ?)";
  connection.run(sql, id, version, by, JSON.stringify(held), at, comment);
  appendAudit(connection, [auditOfSignOff(id, version, signOff)]);
  return "signed";
}

function endProposalRow(connection: Connection, id: number, version: number, end: ProposalEnd): boolean {
  if (openAt(connection, id, version) === null) return false;
  connection.run("UPDATE proposal SET state = ? WHERE id = ?", end.state, id);
  appendAudit(connection, [auditOfProposalEnd(id, version, end)]);
  return true;
}
