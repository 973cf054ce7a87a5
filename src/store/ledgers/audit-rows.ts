import { createHash } from "node:crypto";
import { completedNodes, consistencyProof, type NodeAt, rootOf, type TreeHash } from "../../core/audit/merkle-tree.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { type AuditCheckpoint, type AuditDraft, type AuditKind, auditLine } from "../../core/model/audit-entry.ts";
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
  let n = auditSize(connection);
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

export function auditSize(connection: Connection): number {
  return whole(connection.get("SELECT coalesce(max(n) + 1, 0) AS size FROM audit")?.["size"]);
}

export function auditLines(connection: Connection, from: number, limit: number): readonly string[] {
  const rows = connection.arrays("SELECT line FROM audit WHERE n >= ? ORDER BY n LIMIT ?", from, limit);
  return rows.map(([line]) => text(line));
}

/** Entries of a kind that hold a text, oldest first. */
export function auditFound(connection: Connection, kind: AuditKind, holding: string, limit: number): readonly string[] {
  const sql = "SELECT line FROM audit WHERE kind = ? AND instr(line, ?) > 0 ORDER BY n LIMIT ?";
  return connection.arrays(sql, kind, holding, limit).map(([line]) => text(line));
}

export function auditRoot(connection: Connection, size: number): Uint8Array {
  return rootOf(hash, size, nodesOf(connection));
}

export function auditConsistency(connection: Connection, from: number, to: number): readonly Uint8Array[] {
  return consistencyProof(hash, from, to, nodesOf(connection));
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

export function putCheckpoint(connection: Connection, { size, at, note }: AuditCheckpoint): void {
  connection.run(
    "INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?) ON CONFLICT (size) DO NOTHING",
    size,
    at,
    note,
  );
}

/** Newest first. */
export function checkpoints(connection: Connection, limit: number): readonly AuditCheckpoint[] {
  return connection
    .all("SELECT size, at, note FROM checkpoint ORDER BY size DESC LIMIT ?", limit)
    .map((row) => ({ size: whole(row["size"]), at: whole(row["at"]), note: text(row["note"]) }));
}
