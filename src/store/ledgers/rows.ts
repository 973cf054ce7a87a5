import type { SQLOutputValue } from "node:sqlite";
import * as z from "zod";
import { parseSha256, type Sha256 } from "../../core/kernel/digest.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { parseSafePath, type SafePath } from "../../core/kernel/safe-path.ts";
import type { ChannelMove, ChannelPosition } from "../../core/model/channel.ts";
import { series } from "../../core/model/feed-listing.ts";
import type { Revision, RevisionEntry } from "../../core/model/revision.ts";
import { type SourceSpec, sourceSpec } from "../../core/model/source.ts";
import type { SyncOutcome, SyncTotals } from "../../core/model/sync-totals.ts";
import type { BlobPlace, EventRecord, SyncRecord, UpstreamNote } from "../../core/ports.ts";
import type { Row } from "./connection.ts";

/**
 * Rows of the ledger as the model's values. What the file says is not believed because it is our file: a path from a
 * damaged or doctored ledger must not reach a view. Everything here throws `Failure` `store.damaged`.
 */
export function damaged(what: string, cause?: unknown): Failure {
  return new Failure("store.damaged", `the ledger holds a ${what} that is none`, { cause });
}

export function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== "string") throw damaged("text");
  return value;
}

function textOrNull(value: SQLOutputValue | undefined): string | null {
  return value === null ? null : text(value);
}

export function whole(value: SQLOutputValue | undefined): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw damaged("number");
  return value;
}

export function wholeOrNull(value: SQLOutputValue | undefined): number | null {
  return value === null ? null : whole(value);
}

function digest(value: SQLOutputValue | undefined): Sha256 {
  const parsed = parseSha256(text(value));
  if (parsed === null) throw damaged("digest");
  return parsed;
}

function safe(value: SQLOutputValue | undefined): SafePath {
  const parsed = parseSafePath(text(value));
  if ("fault" in parsed) throw damaged(`path (${parsed.fault})`);
  return parsed.path;
}

export function json<T>(value: SQLOutputValue | undefined, schema: z.ZodType<T>, what: string): T {
  try {
    return schema.parse(JSON.parse(text(value)));
  } catch (cause) {
    throw damaged(what, cause);
  }
}

export function oneOf<T extends string>(value: SQLOutputValue | undefined, known: readonly T[], what: string): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw damaged(what);
  return found;
}

export function jsonOrNull<T>(value: SQLOutputValue | undefined, schema: z.ZodType<T>, what: string): T | null {
  return value === null ? null : json(value, schema, what);
}

const steps = z.array(z.strictObject({ revision: z.int(), movedAt: z.int() }));
const fields = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
const allSeries = z.array(series);

export function specFrom(row: Row): SourceSpec {
  return json(row["spec"], sourceSpec, "source");
}

export function revisionFrom(row: Row): Revision {
  return {
    source: text(row["source_name"]),
    number: whole(row["number"]),
    sealedAt: whole(row["sealed_at"]),
    files: whole(row["files"]),
    bytes: whole(row["bytes"]),
    series: json(row["series"], allSeries, "list of series"),
    vouchedBy: text(row["vouched_by"]),
    unsigned: row["unsigned"] === 1,
    newestBuiltAt: wholeOrNull(row["newest_built_at"]),
  };
}

type Values = readonly (SQLOutputValue | undefined)[];

/** From the columns path, since, sha256, size, built_at. */
export function entryFrom([path, since, sha256, size, builtAt]: Values): RevisionEntry {
  const known = { path: safe(path), sha256: digest(sha256), size: whole(size) };
  return { ...known, builtAt: wholeOrNull(builtAt), since: whole(since) };
}

/** From the columns sha256, and size or time. */
export function blobFrom([sha256, number]: Values): readonly [Sha256, number] {
  return [digest(sha256), whole(number)];
}

export function placeFrom(row: Row): BlobPlace {
  const [since, revision] = [whole(row["since"]), whole(row["number"])];
  return { source: text(row["source_name"]), since, revision, path: safe(row["path"]) };
}

export function positionFrom(row: Row): ChannelPosition {
  return {
    source: text(row["source_name"]),
    channel: text(row["channel"]),
    revision: whole(row["revision"]),
    movedAt: whole(row["moved_at"]),
    moves: whole(row["moves"]),
    steps: json(row["steps"], steps, "list of steps"),
  };
}

export function moveFrom(row: Row): ChannelMove {
  return {
    source: text(row["source_name"]),
    channel: text(row["channel"]),
    kind: text(row["kind"]) === "rollback" ? "rollback" : "promotion",
    from: wholeOrNull(row["from_number"]),
    to: whole(row["to_number"]),
    at: whole(row["at"]),
    by: text(row["by"]),
    reason: text(row["reason"]),
  };
}

export function noteFrom(row: Row): UpstreamNote {
  return {
    path: text(row["path"]),
    etag: textOrNull(row["etag"]),
    lastModified: textOrNull(row["last_modified"]),
    sha256: digest(row["sha256"]),
  };
}

const OUTCOMES: readonly SyncOutcome[] = ["new-revision", "nothing-new", "refused", "failed"];

export function syncFrom(row: Row): SyncRecord {
  return {
    source: text(row["source"]),
    startedAt: whole(row["started_at"]),
    endedAt: whole(row["ended_at"]),
    outcome: oneOf(row["outcome"], OUTCOMES, "outcome"),
    code: textOrNull(row["code"]),
    detail: text(row["detail"]),
    revision: wholeOrNull(row["revision"]),
    bytes: whole(row["bytes"]),
    requests: whole(row["requests"]),
    by: text(row["by"]),
  };
}

export function syncTotalFrom(row: Row): SyncTotals["totals"][number] {
  return {
    source: text(row["source"]),
    outcome: oneOf(row["outcome"], OUTCOMES, "outcome"),
    code: textOrNull(row["code"]),
    runs: whole(row["runs"]),
    bytes: whole(row["bytes"]),
    lastEndedAt: whole(row["last_ended_at"]),
  };
}

export function eventFrom(row: Row): EventRecord {
  return { at: whole(row["at"]), name: text(row["name"]), fields: json(row["fields"], fields, "event") };
}
