import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseSha256, type Sha256 } from "../../src/core/kernel/digest.ts";
import { Failure, type FailureCode } from "../../src/core/kernel/errors.ts";
import { safePath } from "../../src/core/kernel/safe-path.ts";
import type { ChannelMove, ChannelPosition } from "../../src/core/model/channel.ts";
import type { Removal, RevisionDraft } from "../../src/core/model/revision.ts";
import { type SourceSpec, sourceSpec } from "../../src/core/model/source.ts";

export const AT = 1_795_442_400_000;

export const REMOVAL: Removal = { purgedAt: AT + 5_000, by: "anna", why: "too old" };

export function digestOf(text: string): Sha256 {
  const digest = parseSha256(createHash("sha256").update(text).digest("hex"));
  assert.ok(digest !== null);
  return digest;
}

export function specOf(name: string): SourceSpec {
  return sourceSpec.parse({
    name,
    feed: { format: "directory", list: { kind: "files", files: ["a.bin"] } },
    addresses: ["http://127.0.0.1/feed/"],
    trust: { kind: "none" },
  });
}

/** A draft of `path: content`; the build time is the same for all unless said otherwise. */
export function draftOf(
  source: string,
  files: Readonly<Record<string, string>>,
  builtAt: number | null = AT,
): RevisionDraft {
  const entries = Object.entries(files).map(([path, content]) => {
    return { path: safePath(path), sha256: digestOf(content), size: content.length, builtAt };
  });
  return {
    source,
    entries,
    series: [{ name: "daily", version: entries.length }],
    vouchedBy: "pinned",
    unsigned: false,
  };
}

export function moveTo(
  source: string,
  channel: string,
  to: number,
  before: ChannelPosition | null,
  seen = Number.MAX_SAFE_INTEGER,
): [ChannelPosition, ChannelMove, number, number] {
  const moves = before?.moves ?? 0;
  const movedAt = AT + moves * 1_000;
  const steps = [...(before?.steps ?? []), { revision: to, movedAt }];
  const kind = before !== null && to < before.revision ? "rollback" : "promotion";
  const from = before?.revision ?? null;
  return [
    { source, channel, revision: to, movedAt, moves: moves + 1, steps },
    { source, channel, kind, from, to, at: movedAt, by: "anna", reason: "because" },
    moves,
    seen,
  ];
}

export function failsWith(code: FailureCode): (error: unknown) => boolean {
  return (error) => error instanceof Failure && error.code === code;
}
