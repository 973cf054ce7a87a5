import { Failure } from "../core/kernel/errors.ts";
import type { ChannelDoors } from "./sync-run.ts";

type Doors = Pick<ChannelDoors, "ledger" | "channels">;

export interface RevisionDifference {
  readonly source: string;
  readonly from: number;
  readonly to: number;
  readonly added: readonly { readonly path: string; readonly size: number }[];
  readonly removed: readonly { readonly path: string; readonly size: number }[];
  readonly changed: readonly { readonly path: string; readonly sizeBefore: number; readonly size: number }[];
  readonly series: readonly { readonly name: string; readonly before: number | null; readonly after: number | null }[];
}

/** What is different between two revisions of one source, each by number or by the channel that points at it. */
export async function compareRevisions(
  doors: Doors,
  source: string,
  from: number | string,
  to: number | string,
): Promise<RevisionDifference> {
  const { ledger } = doors;
  const [before, after] = [await resolve(doors, source, from), await resolve(doors, source, to)];
  const old = new Map((await ledger.entries(source, before.number)).map((entry) => [entry.path, entry]));
  const added: { path: string; size: number }[] = [];
  const changed: { path: string; sizeBefore: number; size: number }[] = [];
  for (const { path, sha256, size } of await ledger.entries(source, after.number)) {
    const previous = old.get(path);
    if (previous === undefined) added.push({ path, size });
    else if (previous.sha256 !== sha256) changed.push({ path, sizeBefore: previous.size, size });
    old.delete(path);
  }
  const removed = [...old.values()].map(({ path, size }) => ({ path, size }));
  const names = [...new Set([...before.series, ...after.series].map(({ name }) => name))].toSorted();
  const versionIn = (series: typeof before.series, name: string): number | null =>
    series.find((s) => s.name === name)?.version ?? null;
  const series = names
    .map((name) => ({ name, before: versionIn(before.series, name), after: versionIn(after.series, name) }))
    .filter((s) => s.before !== s.after);
  return { source, from: before.number, to: after.number, added, removed, changed, series };
}

async function resolve({ ledger, channels }: Doors, source: string, reference: number | string) {
  if ((await ledger.source(source)) === null) throw new Failure("source.unknown", `no source "${source}"`);
  if (typeof reference === "string" && !channels.includes(reference))
    throw new Failure("channel.unknown", `no channel "${reference}"; there are ${channels.join(", ")}`);
  const number = typeof reference === "number" ? reference : (await ledger.position(source, reference))?.revision;
  if (number === undefined)
    throw new Failure("revision.unknown", `channel "${reference}" of ${source} points at nothing yet`);
  const revision = await ledger.revision(source, number);
  if (revision === null) throw new Failure("revision.unknown", `${source} has no revision ${number}`);
  return revision;
}
