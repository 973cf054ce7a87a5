import * as z from "zod";
import { parseSha256, type Sha256 } from "../kernel/digest.ts";
import { channelName, sourceName } from "../model/source.ts";

/** Bytes of a tree's record. */
export const MOST_RECORD_BYTES = 4 * 1024 * 1024;

const second = z.int().nonnegative().max(8.64e12);

/** What is known of one exported tree beside its files (docs/store-format.md, "Exported trees"). */
const treeRecord = z.strictObject({
  format: z.literal(1),
  channel: channelName,
  method: z.enum(["link", "copy"]),
  /** When it took its place, in milliseconds. */
  since: z.int().nonnegative().max(8.64e15),
  mounts: z
    .array(
      z.strictObject({
        source: sourceName,
        mount: z.string().max(1_024),
        revision: z.int().min(1).max(0xffff_ffff),
        movedAt: z.int().nonnegative().max(8.64e15),
      }),
    )
    .max(4_096),
  /** Seconds: the latest time that the channel itself showed when its first tree was made. */
  floor: second,
  /** Seconds: the latest time that any of its trees has shown. */
  latest: second,
  files: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  copied: z.int().nonnegative(),
});
export type TreeRecord = z.infer<typeof treeRecord>;

/** `null` for what is no record of this channel: whatever was exported before is then unknown. */
export function parseTreeRecord(text: string, channel: string): TreeRecord | null {
  try {
    const parsed = treeRecord.safeParse(JSON.parse(text));
    return parsed.success && parsed.data.channel === channel ? parsed.data : null;
  } catch {
    return null;
  }
}

export function formatTreeRecord(record: TreeRecord): string {
  return `${JSON.stringify(treeRecord.parse(record))}\n`;
}

/** Whether two records are of the same content, times included. */
export function sameTree(one: TreeRecord, other: Pick<TreeRecord, "method" | "mounts">): boolean {
  return one.method === other.method && JSON.stringify(one.mounts) === JSON.stringify(other.mounts);
}

/** One file of a tree's list. */
export interface ListedFile {
  readonly sha256: Sha256;
  readonly copied: boolean;
}

/** A line that `sha256sum -c` reads, inside the tree; its mark for binary files says that ours is a copy. */
export function listLine(path: string, { sha256, copied }: ListedFile): string {
  return `${sha256} ${copied ? "*" : " "}${path}\n`;
}

/** A tree's list by path. Lines that are none of ours are passed over: the file is then made as if it were new. */
export function parseTreeList(text: string): ReadonlyMap<string, ListedFile> {
  const files = new Map<string, ListedFile>();
  for (const line of text.split("\n")) {
    const sha256 = /^[0-9a-f]{64} [ *]/.test(line) ? parseSha256(line.slice(0, 64)) : null;
    if (sha256 !== null) files.set(line.slice(66), { sha256, copied: line[65] === "*" });
  }
  return files;
}
