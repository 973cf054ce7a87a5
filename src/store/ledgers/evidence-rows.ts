import { auditOfEvidence } from "../../core/model/audit-entry.ts";
import { EVIDENCE_CODES, type Evidence, type EvidenceCode } from "../../core/model/evidence.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection } from "./connection.ts";
import { damaged, text, whole } from "./rows.ts";

/** Adds evidence and its entries in the audit log, all or none. */
export function putEvidence(connection: Connection, found: readonly Evidence[]): void {
  const sql = `INSERT INTO evidence (source, revision, name, outcome, code, detail, at, by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
  for (const { source, revision, name, outcome, code, detail, at, by } of found)
    connection.run(sql, source, revision, name, outcome, code, detail, at, by);
  appendAudit(connection, found.map(auditOfEvidence));
}

export function evidenceOf(connection: Connection, source: string, revision: number): readonly Evidence[] {
  const sql = "SELECT * FROM evidence WHERE source = ? AND revision = ? ORDER BY id";
  return connection.all(sql, source, revision).map((row) => ({
    source: text(row["source"]),
    revision: whole(row["revision"]),
    name: text(row["name"]),
    outcome: outcomeFrom(row["outcome"]),
    code: codeFrom(row["code"]),
    detail: text(row["detail"]),
    at: whole(row["at"]),
    by: text(row["by"]),
  }));
}

function outcomeFrom(value: unknown): Evidence["outcome"] {
  if (value === "good" || value === "bad" || value === "note") return value;
  throw damaged("outcome");
}

function codeFrom(value: unknown): EvidenceCode {
  if (typeof value === "string" && Object.hasOwn(EVIDENCE_CODES, value)) return value as EvidenceCode;
  throw damaged("code");
}
