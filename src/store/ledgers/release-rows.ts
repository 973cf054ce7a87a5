import { auditOfPolicy } from "../../core/model/audit-entry.ts";
import { releasePolicy, type StoredPolicy } from "../../core/model/policy.ts";
import type { ReleaseRecord } from "../../core/ports.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection, Row } from "./connection.ts";
import { proposalBook } from "./proposal-rows.ts";
import { restraintBook } from "./restraint-rows.ts";
import { jsonOrNull, text, whole } from "./rows.ts";

/** A ledger's part for what was ordered about releases. */
export function releaseRecord(connection: Connection): ReleaseRecord {
  return {
    policy: async (source) => policyRows(connection, source, 1)[0] ?? null,
    policyHistory: async (source, limit) => policyRows(connection, source, limit),
    putPolicy: async (stored) => connection.transaction(() => putPolicyRow(connection, stored)),
    ...proposalBook(connection),
    ...restraintBook(connection),
  };
}

/** Newest first. */
function policyRows(connection: Connection, source: string, limit: number): readonly StoredPolicy[] {
  return connection
    .all("SELECT * FROM policy WHERE source = ? ORDER BY version DESC LIMIT ?", source, limit)
    .map(policyFrom);
}

function policyFrom(row: Row): StoredPolicy {
  return {
    source: text(row["source"]),
    version: whole(row["version"]),
    policy: jsonOrNull(row["policy"], releasePolicy, "release policy"),
    at: whole(row["at"]),
    by: text(row["by"]),
    reason: text(row["reason"]),
  };
}

/** Adds the next state of a policy, within the caller's transaction; `false` when another came before. */
function putPolicyRow(connection: Connection, stored: StoredPolicy): boolean {
  const { source, version, policy, at, by, reason } = stored;
  const newest = policyRows(connection, source, 1)[0]?.version ?? 0;
  if (version !== newest + 1) return false;
  const spec = policy === null ? null : JSON.stringify(policy);
  const sql = "INSERT INTO policy (source, version, policy, at, by, reason) VALUES (?, ?, ?, ?, ?, ?)";
  connection.run(sql, source, version, spec, at, by, reason);
  appendAudit(connection, [auditOfPolicy(stored)]);
  return true;
}
