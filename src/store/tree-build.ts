import { constants, linkSync, lstatSync, mkdirSync } from "node:fs";
import { copyFile, open } from "node:fs/promises";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Sha256 } from "../core/kernel/digest.ts";
import { errnoOf } from "../core/kernel/disk.ts";
import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { TreeOrder } from "../core/ports.ts";
import { CHANNEL_FILE, channelDocument } from "../core/publish/channel-document.ts";
import { copyTime, seconds, type TreeFile } from "../core/publish/plan-tree.ts";
import { type ListedFile, listLine, type TreeRecord } from "../core/publish/tree-record.ts";
import { setFolderMode, syncDirectory } from "./durable.ts";

/** Files between two looks at whether anybody else has work for this process. */
const SLICE = 128;
/** Folders that are made durable at once. */
const SYNCED_AT_ONCE = 16;

interface Before {
  readonly root: string;
  readonly files: ReadonlyMap<string, ListedFile>;
  readonly record: TreeRecord;
}

export interface Built {
  readonly files: number;
  readonly bytes: number;
  readonly copied: number;
  /** Seconds: the latest time in the tree, and the latest that the channel itself shows. */
  readonly latest: number;
  readonly channelLatest: number;
}

/**
 * Writes a tree whose root does not stand yet, durably and read-only, with its list beside it. What is as it was in the
 * tree before is the same file. A stop leaves what the next sweep removes.
 */
export async function buildTree(plan: {
  readonly order: TreeOrder;
  readonly root: string;
  readonly list: string;
  readonly blobs: string;
  readonly before: Before | null;
}): Promise<Built | Refusal> {
  const { order } = plan;
  const builder = new Builder(plan);
  await builder.begin();
  const most = Math.max(1, order.total);
  try {
    for (const file of order.files) {
      await builder.add(file);
      if (builder.files % SLICE !== 0) continue;
      order.report("writing the tree", Math.min(builder.files, most), most, "files");
      await setImmediate();
      if (order.signal.aborted) throw new Failure("daemon.stopping", "the export was ended", { retry: "later" });
    }
  } catch (cause) {
    // EXDEV: another file system, or another part of one. EPERM: it has no links. Neither mends itself.
    if (cause instanceof LinkRefused)
      return refuse("export.other-file-system", `no file of the store can be linked to ${plan.root} (${cause.errno})`);
    throw cause;
  } finally {
    await builder.close();
  }
  await builder.finish();
  return builder.built();
}

class LinkRefused extends Error {
  readonly errno: string;
  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

class Builder {
  readonly #plan: Parameters<typeof buildTree>[0];
  readonly #folders = new Set<string>();
  #list: Awaited<ReturnType<typeof open>> | null = null;
  #lines = "";
  #bytes = 0;
  #copied = 0;
  #latest = 0;
  #channelLatest = 0;
  files = 0;

  constructor(plan: Parameters<typeof buildTree>[0]) {
    this.#plan = plan;
  }

  async begin(): Promise<void> {
    this.#folder(this.#plan.root);
    this.#list = await open(this.#plan.list, "wx", 0o644);
    const place = path.join(this.#plan.root, CHANNEL_FILE);
    this.#folder(path.dirname(place));
    const file = await open(place, "wx", 0o444);
    try {
      await file.writeFile(channelDocument(this.#plan.order.channel));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #folder(folder: string): void {
    if (this.#folders.has(folder)) return;
    if (folder !== this.#plan.root) this.#folder(path.dirname(folder));
    mkdirSync(folder, { mode: 0o755 });
    this.#folders.add(folder);
  }

  async add(file: TreeFile): Promise<void> {
    const place = path.join(this.#plan.root, file.path);
    this.#folder(path.dirname(place));
    const known = this.#plan.before?.files.get(file.path);
    const unchanged = known?.sha256 === file.sha256 && this.#keep(file, known, place);
    const copied = unchanged ? known.copied : await this.#make(file, place);
    this.#lines += listLine(file.path, { sha256: file.sha256, copied });
    if (this.#lines.length > 65_536) await this.#flush();
    this.files += 1;
    this.#bytes += file.size;
    if (copied) this.#copied += 1;
    this.#latest = Math.max(this.#latest, seconds(lstatSync(place).mtimeMs));
    this.#channelLatest = Math.max(this.#channelLatest, seconds(file.lastModified));
  }

  /** The file of the tree before, with its time; `false` when it is no longer the one to show. */
  #keep(file: TreeFile, known: ListedFile, place: string): boolean {
    const { before, order } = this.#plan;
    if (before === null || (order.method === "copy" && !known.copied)) return false;
    const old = path.join(before.root, file.path);
    const stat = lstatSync(old, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.size !== file.size) return false;
    // A link whose blob was exchanged by a repair: what is in the tree is the damaged one.
    if (!known.copied && stat.ino !== lstatSync(this.#blob(file.sha256), { throwIfNoEntry: false })?.ino) return false;
    return link(old, place);
  }

  /** Whether it is a copy. */
  async #make(file: TreeFile, place: string): Promise<boolean> {
    const { order } = this.#plan;
    const blob = this.#blob(file.sha256);
    const stat = lstatSync(blob, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.size !== file.size)
      throw new Failure("store.damaged", `the blob ${file.sha256} is missing or of another size`);
    const until = this.#shownUntil(file.path);
    const time = copyTime(order.method, { ...file, admittedAt: stat.mtimeMs }, until);
    if (time === null && link(blob, place)) return false;
    await copy(blob, place, time ?? Math.max(seconds(stat.mtimeMs), until + 1));
    return true;
  }

  /** Seconds: the latest time that this export may have shown under a path. */
  #shownUntil(name: string): number {
    const { before } = this.#plan;
    if (before === null) return 0;
    if (!before.files.has(name)) return before.record.latest;
    const stat = lstatSync(path.join(before.root, name), { throwIfNoEntry: false });
    return stat === undefined ? before.record.latest : Math.max(before.record.floor, seconds(stat.mtimeMs));
  }

  #blob(sha256: Sha256): string {
    return path.join(this.#plan.blobs, sha256.slice(0, 2), sha256);
  }

  async #flush(): Promise<void> {
    await this.#list?.writeFile(this.#lines);
    this.#lines = "";
  }

  async close(): Promise<void> {
    await this.#list?.close();
    this.#list = null;
  }

  /** Durable, then read-only: no name of the tree is taken back once something points at it. */
  async finish(): Promise<void> {
    const list = await open(this.#plan.list, "a");
    try {
      await list.writeFile(this.#lines);
      await list.sync();
    } finally {
      await list.close();
    }
    const folders = [...this.#folders];
    for (let at = 0; at < folders.length; at += SYNCED_AT_ONCE) {
      await Promise.all(
        folders.slice(at, at + SYNCED_AT_ONCE).map(async (folder) => {
          await setFolderMode(folder, 0o555);
          await syncDirectory(folder);
        }),
      );
    }
    await syncDirectory(path.dirname(this.#plan.root));
  }

  built(): Built {
    const { files } = this;
    return {
      files,
      bytes: this.#bytes,
      copied: this.#copied,
      latest: this.#latest,
      channelLatest: this.#channelLatest,
    };
  }
}

/** `false` when the file has as many names as its file system allows (65,000 on ext4). */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "EMLINK") return false;
    if (code === "EXDEV" || code === "EPERM" || code === "ENOTSUP") throw new LinkRefused(code);
    throw cause;
  }
}

/** Shares the blocks where the file system can (XFS, btrfs): then a copy costs no more than a link. */
async function copy(from: string, to: string, time: number): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  // A copy has its blob's mode, and a blob cannot be written; what is needed here is its descriptor alone.
  const file = await open(to, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await file.chmod(0o444);
    await file.utimes(time, time);
    await file.sync();
  } finally {
    await file.close();
  }
}
