import { createHash } from "node:crypto";
import type { Refusal } from "../core/kernel/errors.ts";
import { type CollectDoors, collectGarbage } from "../operations/collect-garbage.ts";
import { type CollectionPlan, planCollection } from "../operations/plan-collection.ts";
import type { Report } from "../operations/sync-run.ts";
import type { RequestOf } from "../wire/client.ts";
import type { Answers } from "./control-server.ts";
import { known, type VerbParts } from "./verb-parts.ts";

/** Revisions that stay, in one answer. */
const MOST_KEPT = 10_000;
/** Revisions that were removed, in one answer. */
const MOST_PURGED = 100;

/** Shows what a collection would do; with the fingerprint of what was shown, it does that and nothing else. */
export async function collectionAnswer(
  parts: VerbParts,
  { source, plan: agreed, by }: RequestOf<"gc">,
  report: Report,
  gone: AbortSignal,
): Promise<Answers["gc"] | Refusal> {
  if (source !== null) await known(parts, source);
  const only = source === null ? null : [source];
  const { grace, turnstile } = parts;
  const doors = doorsOf(parts);
  if (agreed === null) return shown(await planCollection(doors, grace, only), true);
  const done = await turnstile.alone(() => collectGarbage(doors, { only, agreed, by, grace }, report, gone));
  return "code" in done ? done : shown(done, false);
}

/** The daemon's own collection of the sources that ask for it: nobody has seen a plan, and the record has the list. */
export async function collectDue(parts: VerbParts, only: readonly string[], signal: AbortSignal): Promise<void> {
  const wish = { only, agreed: null, by: "schedule", grace: parts.grace };
  await parts.turnstile.alone(() => collectGarbage(doorsOf(parts), wish, () => {}, signal));
}

export async function purgedOf({ doors }: VerbParts, source: string): Promise<Answers["revisions"]["purged"]> {
  const purged = await doors.ledger.purgedRevisions(source, MOST_PURGED);
  return purged.map(({ number, ...rest }) => ({ ...rest, revision: number }));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function doorsOf({ doors, atStep }: VerbParts): CollectDoors {
  return { ...doors, atStep, digest };
}

function shown(plan: CollectionPlan, preview: boolean): Answers["gc"] {
  const { fingerprint, goes, stays, blobs, bytes, waiting, waitingBytes } = plan;
  const kept = stays
    .slice(0, MOST_KEPT)
    .map(({ source, revision, stays: why }) => ({ source, revision, why: [...why] }));
  return { preview, plan: fingerprint, revisions: [...goes], kept, blobs: blobs.length, bytes, waiting, waitingBytes };
}
