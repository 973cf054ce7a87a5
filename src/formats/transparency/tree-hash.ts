import { createHash } from "node:crypto";
import type { TreeHash } from "../../core/audit/merkle-tree.ts";

/** The SHA-256 of the audit log's tree, for whoever signs or verifies it; the ledger, which may import core alone, has its own. */
export const treeHash: TreeHash = (...parts) => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest();
};
