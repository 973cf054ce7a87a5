import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { summaryKindOf } from "../core/model/content-summary.ts";
import type { Revision, RevisionEntry } from "../core/model/revision.ts";
import type { Inspector } from "../core/ports.ts";
import { type ContentDifference, compareContent } from "../core/release/content-difference.ts";
import { absentRevision } from "./promote.ts";
import type { ChannelDoors } from "./sync-run.ts";

interface Doors extends Pick<ChannelDoors, "ledger" | "channels"> {
  readonly inspector: Pick<Inspector, "summarize">;
}

/** Files whose content is compared, and how far each may unpack; of the rest only the bytes are. */
const MOST_COMPARED = 16;
const MOST_EXPANDED = 1024 * 1024 * 1024;

export interface RevisionDifference {
  readonly source: string;
  readonly from: number;
  readonly to: number;
  readonly added: readonly { readonly path: string; readonly size: number }[];
  readonly removed: readonly { readonly path: string; readonly size: number }[];
  readonly changed: readonly { readonly path: string; readonly sizeBefore: number; readonly size: number }[];
  readonly series: readonly { readonly name: string; readonly before: number | null; readonly after: number | null }[];
  /** What the changes mean, of files whose format is known. */
  readonly content: readonly ContentDifference[];
}

/** What is different between two revisions of one source, each by number or by the channel that points at it. */
export async function compareRevisions(
  doors: Doors,
  source: string,
  from: number | string,
  to: number | string,
): Promise<RevisionDifference | Refusal> {
  const { ledger } = doors;
  const [before, after] = [await resolve(doors, source, from), await resolve(doors, source, to)];
  if ("kind" in before) return before;
  if ("kind" in after) return after;
  const old = new Map<string, RevisionEntry>(
    (await ledger.entries(source, before.number)).map((entry) => [entry.path, entry]),
  );
  const added: { path: string; size: number }[] = [];
  const changed: { path: string; sizeBefore: number; size: number }[] = [];
  const pairs: Pair[] = [];
  for (const entry of await ledger.entries(source, after.number)) {
    const { path, sha256, size } = entry;
    const previous = old.get(path);
    old.delete(path);
    if (previous?.sha256 === sha256) continue;
    pairs.push([previous ?? null, entry]);
    if (previous === undefined) added.push({ path, size });
    else changed.push({ path, sizeBefore: previous.size, size });
  }
  for (const entry of old.values()) pairs.push([entry, null]);
  const removed = [...old.values()].map(({ path, size }) => ({ path, size }));
  const names = [...new Set([...before.series, ...after.series].map(({ name }) => name))].toSorted();
  const versionIn = (series: typeof before.series, name: string): number | null =>
    series.find((s) => s.name === name)?.version ?? null;
  const series = names
    .map((name) => ({ name, before: versionIn(before.series, name), after: versionIn(after.series, name) }))
    .filter((s) => s.before !== s.after);
  const content = await meaning(doors, pairs);
  return { source, from: before.number, to: after.number, added, removed, changed, series, content };
}

type Pair = readonly [before: RevisionEntry | null, after: RevisionEntry | null];

/** Read one after the other: each may take as much memory as a message may have. */
async function meaning({ inspector }: Doors, pairs: readonly Pair[]): Promise<readonly ContentDifference[]> {
  const found: ContentDifference[] = [];
  for (const [before, after] of pairs) {
    const path = (after ?? before)?.path ?? "";
    const kind = summaryKindOf(path);
    if (kind === null || found.length >= MOST_COMPARED) continue;
    const read = (entry: RevisionEntry | null) =>
      entry === null ? null : inspector.summarize(kind, entry, { expandedBytes: MOST_EXPANDED });
    found.push(compareContent(path, kind, await read(before), await read(after)));
  }
  return found;
}

async function resolve(
  { ledger, channels }: Doors,
  source: string,
  reference: number | string,
): Promise<Revision | Refusal> {
  if ((await ledger.source(source)) === null) throw new Failure("source.unknown", `no source "${source}"`);
  if (typeof reference === "string" && !channels.includes(reference))
    throw new Failure("channel.unknown", `no channel "${reference}"; there are ${channels.join(", ")}`);
  const number = typeof reference === "number" ? reference : (await ledger.position(source, reference))?.revision;
  if (number === undefined)
    throw new Failure("revision.unknown", `channel "${reference}" of ${source} points at nothing yet`);
  const revision = await ledger.revision(source, number);
  return revision ?? absentRevision({ ledger }, source, number);
}
