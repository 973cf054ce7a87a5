import { Failure, type Refusal } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import type { Trees } from "../core/ports.ts";
import { type MountedEntries, type TreeMethod, treeFiles } from "../core/publish/plan-tree.ts";
import { sameTree, type TreeRecord } from "../core/publish/tree-record.ts";
import { withheldNow } from "./blocks.ts";
import { mountsOf } from "./promote.ts";
import type { ChannelDoors, Report } from "./sync-run.ts";

/** Where a channel's trees go, and how they are made. */
export interface ExportWish {
  readonly channel: string;
  /** Absolute. */
  readonly folder: string;
  readonly method: TreeMethod;
  /** How long a tree stays after another has taken its place. */
  readonly grace: Duration;
  /** Write it also where nothing has moved: after a repair of the store. */
  readonly anew: boolean;
}

export interface Exported {
  readonly channel: string;
  readonly folder: string;
  /** What other servers are to serve. */
  readonly root: string;
  /** `false`: the tree that stands there shows this already. */
  readonly written: boolean;
  readonly files: number;
  readonly bytes: number;
  /** Files with bytes of their own, because their time had to be another than their blob's. */
  readonly copied: number;
  /** Old trees that went. */
  readonly removed: number;
}

/**
 * Writes what a channel shows as a tree of plain files, beside the one that stands there, and exchanges them in one
 * rename. The order: every name durable, the record, the link; whatever a stop leaves is removed by the next export.
 */
export async function exportChannel(
  doors: Pick<ChannelDoors, "ledger" | "clock" | "events" | "channels"> & { readonly trees: Trees },
  wish: ExportWish,
  report: Report,
  signal: AbortSignal,
): Promise<Exported | Refusal> {
  const { channel, folder, method } = wish;
  if (!doors.channels.includes(channel))
    throw new Failure("channel.unknown", `no channel "${channel}"; there are ${doors.channels.join(", ")}`);
  const opened = await doors.trees.open(folder, channel);
  if ("code" in opened) return opened;
  // First what nobody is in any more: on a full disk that is what makes room.
  let removed = await opened.sweep(doors.clock.now() - wish.grace);
  const shown = await mountsOf(doors, channel);
  const mounts = shown.map(({ steps, ...mount }) => ({ ...mount, movedAt: steps.at(-1)?.movedAt ?? 0 }));
  const standing = opened.present;
  const barred = new Set((await withheldNow(doors)).digests);
  // What is blocked in a revision that stays shown is taken out of its tree too: a record of mounts does not tell of it.
  let names = false;
  for (const { source, revision } of barred.size === 0 ? [] : shown)
    names ||= (await doors.ledger.namedBlobs(source, revision, [...barred])).length > 0;
  const same = standing !== null && !wish.anew && !names && sameTree(standing, { method, mounts });
  let record: TreeRecord;
  if (same) {
    record = standing;
  } else {
    const entries: MountedEntries[] = [];
    for (const { source, mount, revision, steps } of shown) {
      const all = await doors.ledger.entries(source, revision);
      entries.push({ mount, steps, entries: all.filter(({ sha256 }) => !barred.has(sha256)) });
    }
    const total = entries.reduce((sum, each) => sum + each.entries.length, 0);
    const built = await opened.build({ channel, method, mounts, files: treeFiles(entries), total, report, signal });
    if ("code" in built) return built;
    record = built;
    doors.events.emit("tree.exported", {
      channel,
      folder,
      files: built.files,
      bytes: built.bytes,
      copied: built.copied,
    });
    removed += await opened.sweep(doors.clock.now() - wish.grace);
  }
  const { files, bytes, copied } = record;
  return { channel, folder, root: opened.root, written: !same, files, bytes, copied, removed };
}
