import type { RevisionEntry } from "../core/model/revision.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** Everything that comes with a move beside what it is made for. */
export interface RidesAlong {
  readonly from: number | null;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** The first of them, by name. */
  readonly paths: readonly string[];
  /** Every revision between what the channel shows and the one asked for, that one included. */
  readonly revisions: readonly number[];
}

const MOST_PATHS = 50;

/** What a channel would get with a revision, compared with what it shows. */
export async function ridesAlong(
  doors: ChannelDoors,
  { source, channel, revision }: { readonly source: string; readonly channel: string; readonly revision: number },
): Promise<RidesAlong> {
  const from = (await doors.ledger.position(source, channel))?.revision ?? null;
  const between = (await doors.ledger.revisions(source))
    .map(({ number }) => number)
    .filter((number) => number > (from ?? 0) && number <= revision);
  const revisions = between.toReversed();
  // By digests alone: an emergency does not wait until contents have been read.
  const old = new Map(from === null ? [] : (await doors.ledger.entries(source, from)).map(digestAt));
  const fresh = new Map((await doors.ledger.entries(source, revision)).map(digestAt));
  const added = [...fresh.keys()].filter((path) => !old.has(path));
  const removed = [...old.keys()].filter((path) => !fresh.has(path));
  const changed = [...fresh].flatMap(([path, sha256]) => (old.has(path) && old.get(path) !== sha256 ? [path] : []));
  const paths = [...added, ...changed, ...removed].toSorted((a, b) => (a < b ? -1 : 1)).slice(0, MOST_PATHS);
  return { from, added: added.length, changed: changed.length, removed: removed.length, paths, revisions };
}

function digestAt({ path, sha256 }: RevisionEntry): readonly [string, string] {
  return [path, sha256];
}
