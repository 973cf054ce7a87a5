import { createHash } from "node:crypto";
import { completedNodes, consistencyProof, type NodeAt, rootOf, type TreeHash } from "../../core/audit/merkle-tree.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { type AuditDraft, auditLine } from "../../core/model/audit-entry.ts";
import type { AuditLog } from "../../core/ports.ts";
import type { Connection } from "./connection.ts";
import { text, whole } from "./rows.ts";

const utf8 = new TextEncoder();

const hash: TreeHash = (...parts) => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** Adds entries to the audit log, within the caller's transaction: what was done and that it was done stand or fall together. */
export function appendAudit(connection: Connection, drafts: readonly AuditDraft[]): void {
  let n = sizeOf(connection);
  const nodeAt = nodesOf(connection);
  for (const draft of drafts) {
    const line = auditLine({ n, ...draft });
    connection.run("INSERT INTO audit (n, kind, line) VALUES (?, ?, ?)", n, draft.kind, line);
    // One by one: a node may rest on one that this very entry completed.
    for (const { level, index, hash: bytes } of completedNodes(hash, n, utf8.encode(line), nodeAt))
      connection.run("INSERT INTO audit_node (level, place, hash) VALUES (?, ?, ?)", level, index, bytes);
    n += 1;
  }
}

/** The audit log's part of a ledger. */
export function auditLog(connection: Connection): AuditLog {
  const lines = (sql: string, ...values: (string | number)[]): readonly string[] =>
    connection.arrays(sql, ...values).map(([line]) => text(line));
  return {
    audit: async (drafts) => {
      if (drafts.length > 0) connection.transaction(() => appendAudit(connection, drafts));
    },
    auditSize: async () => sizeOf(connection),
    auditLines: async (from, limit) => lines("SELECT line FROM audit WHERE n >= ? ORDER BY n LIMIT ?", from, limit),
    auditFound: async (kind, holding, limit) =>
      lines("SELECT line FROM audit WHERE kind = ? AND instr(line, ?) > 0 ORDER BY n LIMIT ?", kind, holding, limit),
    auditNearest: async (kind, holding, n, side) => {
      const [than, order] = side === "before" ? ["<", "DESC"] : [">", "ASC"];
      const sql = `SELECT line FROM audit WHERE kind = ? AND n ${than} ? AND instr(line, ?) > 0 ORDER BY n ${order} LIMIT 1`;
      return lines(sql, kind, n, holding)[0] ?? null;
    },
    auditRoot: async (size) => rootOf(hash, size, nodesOf(connection)),
    auditConsistency: async (from, to) => consistencyProof(hash, from, to, nodesOf(connection)),
    putCheckpoint: async ({ size, at, note }) => {
      const sql = "INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?) ON CONFLICT (size) DO NOTHING";
      connection.run(sql, size, at, note);
    },
    checkpoints: async (limit) =>
      connection
        .all("SELECT size, at, note FROM checkpoint ORDER BY size DESC LIMIT ?", limit)
        .map((row) => ({ size: whole(row["size"]), at: whole(row["at"]), note: text(row["note"]) })),
  };
}

function sizeOf(connection: Connection): number {
  return whole(connection.get("SELECT coalesce(max(n) + 1, 0) AS size FROM audit")?.["size"]);
}

function nodesOf(connection: Connection): NodeAt {
  return (level, index) => {
    const row = connection.get("SELECT hash FROM audit_node WHERE level = ? AND place = ?", level, index);
    const bytes = row?.["hash"];
    if (!(bytes instanceof Uint8Array) || bytes.length !== 32)
      throw new Failure("store.damaged", `the audit log lacks the hash ${level}/${index}`);
    return bytes;
  };
}
