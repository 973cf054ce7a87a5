import { writeFile } from "node:fs/promises";
import path from "node:path";
import { safePath } from "../../src/core/kernel/safe-path.ts";
import type { RevisionEntry } from "../../src/core/model/revision.ts";
import type { ChannelFolder } from "../../test/fixtures/channel-folder.ts";

/** Paths that are asked for, spread over the whole channel. */
const ASKED = 100;

function nameOf(index: number): string {
  return `pool/${String(index % 997).padStart(3, "0")}/file-${String(index).padStart(7, "0")}.bin`;
}

/** Writes a source's revision of so many names, all of one small content. */
export async function writeNames(folder: ChannelFolder, source: string, count: number, bytes: Buffer): Promise<void> {
  const blob = await folder.blob(bytes);
  const entries = Array.from(
    { length: count },
    (_, index): RevisionEntry => ({ path: safePath(nameOf(index)), ...blob, builtAt: null, since: 1 }),
  );
  await folder.entries(
    source,
    1,
    entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  );
}

/** A file of the paths that are asked for; `every`: each of the channel's, in no order, so that no look-up is at hand. */
export async function writeAsked(work: string, source: string, count: number, every: boolean): Promise<string> {
  const file = path.join(work, `${source}-${every ? "every" : "some"}`);
  const asked = every ? Math.min(count, 200_000) : ASKED;
  const step = every ? 7_919 : Math.floor(count / ASKED);
  const lines = Array.from({ length: asked }, (_, index) => `/${source}/${nameOf((index * step) % count)}`);
  await writeFile(file, `${lines.join("\n")}\n`);
  return file;
}
