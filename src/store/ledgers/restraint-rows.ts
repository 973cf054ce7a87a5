import * as z from "zod";
import { parseSha256, type Sha256 } from "../../core/kernel/digest.ts";
import { auditOfRelease, auditOfRestraint } from "../../core/model/audit-entry.ts";
import type { Restraint, RestraintDraft, RestraintOn } from "../../core/model/restraint.ts";
import type { Ledger } from "../../core/ports.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection, Row } from "./connection.ts";
import { json, jsonOrNull, text, whole, wholeOrNull } from "./rows.ts";

const digest = z.string().transform((written, context): Sha256 => {
  const parsed = parseSha256(written);
  if (parsed === null) context.addIssue({ code: "custom", message: "no digest" });
  return parsed ?? ("" as Sha256);
});
const on: z.ZodType<RestraintOn> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hold"), source: z.string().nullable(), channel: z.string().nullable() }),
  z.strictObject({ kind: z.literal("pin"), source: z.string(), channel: z.string(), revision: z.int() }),
  z.strictObject({ kind: z.literal("block-revision"), source: z.string(), revision: z.int() }),
  z.strictObject({ kind: z.literal("block-digest"), sha256: digest }),
  z.strictObject({ kind: z.literal("block-signer"), signer: z.string() }),
]);
const released = z.strictObject({ by: z.string(), at: z.int(), reason: z.string() });

/** SQLite takes so many values in one statement without complaint. */
const DIGESTS_AT_ONCE = 500;

type RestraintBook = Pick<Ledger, "addRestraint" | "releaseRestraint" | "restraints" | "namedBlobs">;

/** Holds, pins and blocks, and what a block needs to know of contents. */
export function restraintBook(connection: Connection): RestraintBook {
  return {
    addRestraint: async (draft) => connection.transaction(() => addRow(connection, draft)),
    releaseRestraint: async (id, end) => connection.transaction(() => releaseRow(connection, id, end)),
    restraints: async (all) =>
      connection
        .all(`SELECT * FROM restraint ${all ? "" : "WHERE released IS NULL"} ORDER BY id DESC`)
        .map(restraintFrom),
    namedBlobs: async (source, revision, digests) => named(connection, source, revision, digests),
  };
}

function restraintFrom(row: Row): Restraint {
  return {
    id: whole(row["id"]),
    on: json(row["restrains"], on, "restraint"),
    reason: text(row["reason"]),
    by: text(row["by"]),
    at: whole(row["at"]),
    expiresAt: wholeOrNull(row["expires_at"]),
    released: jsonOrNull(row["released"], released, "release"),
  };
}

function addRow(connection: Connection, draft: RestraintDraft): Restraint {
  const row = connection.get(
    "INSERT INTO restraint (restrains, reason, by, at, expires_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
    JSON.stringify(draft.on),
    draft.reason,
    draft.by,
    draft.at,
    draft.expiresAt,
  );
  const restraint = restraintFrom(row ?? {});
  appendAudit(connection, [auditOfRestraint(restraint)]);
  return restraint;
}

function releaseRow(connection: Connection, id: number, end: NonNullable<Restraint["released"]>): boolean {
  const sql = "UPDATE restraint SET released = ? WHERE id = ? AND released IS NULL";
  if (connection.run(sql, JSON.stringify(end), id) === 0) return false;
  appendAudit(connection, [auditOfRelease(id, end)]);
  return true;
}

function named(
  connection: Connection,
  source: string,
  revision: number,
  digests: readonly Sha256[],
): readonly Sha256[] {
  const found = new Set<Sha256>();
  for (let at = 0; at < digests.length; at += DIGESTS_AT_ONCE) {
    const some = digests.slice(at, at + DIGESTS_AT_ONCE);
    const rows = connection.arrays(
      `SELECT DISTINCT e.sha256 FROM entry e JOIN source s ON s.id = e.source
       WHERE s.name = ? AND e.since <= ? AND (e.until IS NULL OR e.until > ?) AND e.sha256 IN (${some.map(() => "?").join()})`,
      source,
      revision,
      revision,
      ...some,
    );
    const texts = new Set(rows.map(([sha256]) => text(sha256)));
    for (const each of some) if (texts.has(each)) found.add(each);
  }
  return [...found];
}
