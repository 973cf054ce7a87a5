import { DAY } from "../core/kernel/instant.ts";
import type { BlobStore, Quarantine } from "../core/ports.ts";
import { ensureView, publishChannel } from "./promote.ts";
import type { ChannelDoors } from "./sync-run.ts";

export interface Recovered {
  readonly viewsWritten: number;
  readonly viewsRemoved: number;
}

/**
 * What a start makes of a stop at any moment (docs/store-format.md, "Recovery at start"): the ledger is right, and
 * everything that can be made from it is made again. Asks nobody anything, and may itself be cut off and repeated.
 */
export async function recover(
  doors: ChannelDoors & { readonly quarantine: Quarantine; readonly blobs: BlobStore },
): Promise<Recovered> {
  const { ledger, views, quarantine, clock } = doors;
  await quarantine.sweep(clock.now() - DAY);
  const known = new Set<string>();
  let viewsWritten = 0;
  for (const { name } of await ledger.sources()) {
    for (const revision of await ledger.revisions(name)) {
      known.add(`${name}/${revision.number}`);
      if (await views.hasRevision(name, revision.number)) continue;
      await ensureView(doors, revision);
      viewsWritten += 1;
    }
  }
  let viewsRemoved = 0;
  for (const { source, number } of await views.listRevisions()) {
    if (known.has(`${source}/${number}`)) continue;
    await views.removeRevision(source, number);
    viewsRemoved += 1;
  }
  for (const channel of doors.channels) await publishChannel(doors, channel);
  if (viewsWritten + viewsRemoved > 0) doors.events.emit("store.recovered", { viewsWritten, viewsRemoved });
  return { viewsWritten, viewsRemoved };
}
