import type { Sha256 } from "../kernel/digest.ts";
import { type Instant, SECOND } from "../kernel/instant.ts";
import type { ChannelStep } from "../model/channel.ts";
import type { RevisionEntry } from "../model/revision.ts";
import { lastModified } from "./last-modified.ts";

const OWN = "/.ringfort/";

/** `link`: files of a tree are the store's own, under another name. `copy`: they have bytes and times of their own. */
export type TreeMethod = "link" | "copy";

/** One source's revision, with all its entries, as a channel shows it. */
export interface MountedEntries {
  /** `/` at both ends. */
  readonly mount: string;
  readonly steps: readonly ChannelStep[];
  readonly entries: readonly RevisionEntry[];
}

/** One file of an exported tree. */
export interface TreeFile {
  /** From the tree's root, without a leading slash. */
  readonly path: string;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** What the channel says of it, a whole second. */
  readonly lastModified: Instant;
}

/**
 * Every file that a channel shows, under its whole path: what stands inside another source's mount, or where the way to
 * one leads, is not seen (channel-view.ts says the same of a look-up).
 */
export function* treeFiles(mounts: readonly MountedEntries[]): Generator<TreeFile> {
  for (const { mount, steps, entries } of mounts) {
    const inner = mounts.map((other) => other.mount).filter((other) => other !== mount && other.startsWith(mount));
    for (const { path, sha256, size, since, builtAt } of entries) {
      const whole = mount + path;
      // There the channel speaks of itself.
      if (`${whole}/`.startsWith(OWN)) continue;
      if (inner.some((other) => `${whole}/`.startsWith(other) || other.startsWith(`${whole}/`))) continue;
      yield { path: whole.slice(1), sha256, size, lastModified: lastModified(since, builtAt, steps) };
    }
  }
}

/**
 * The time, in seconds, that a new content of a path is to be copied with; `null` when it can be a link to its blob,
 * whose time is when it was admitted and is shared by all its names. Clients that compare times (`wget -N`, `robocopy`)
 * follow a path only while its time rises: so a link does when the blob is younger than anything that the tree has shown
 * there, and after a rollback it is a copy.
 */
export function copyTime(
  method: TreeMethod,
  file: { readonly admittedAt: Instant; readonly lastModified: Instant },
  shownUntil: number,
): number | null {
  if (method === "link" && seconds(file.admittedAt) > shownUntil) return null;
  return Math.max(seconds(file.lastModified), shownUntil + 1);
}

/** Whole seconds: HTTP and FTP tell no finer times apart. */
export function seconds(instant: Instant): number {
  return Math.floor(instant / SECOND);
}
