import { constants, type Stats } from "node:fs";
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { errnoOf } from "../core/kernel/disk.ts";
import { type Refusal, refuse } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { AtTreeStep, TreeFolder, TreeOrder, Trees } from "../core/ports.ts";
import {
  formatTreeRecord,
  MOST_RECORD_BYTES,
  parseTreeList,
  parseTreeRecord,
  type TreeRecord,
} from "../core/publish/tree-record.ts";
import { onDisk, replaceDurably, setFolderMode, syncDirectory } from "./durable.ts";
import { type Built, buildTree } from "./tree-build.ts";
import { removeTree } from "./tree-removal.ts";

const MARK = "ringfort-export.json";
const NUMBER = /^[1-9]\d{0,9}$/;
/** Bytes of a tree's list: a million long names. */
const MOST_LIST_BYTES = 1_200 * 1024 * 1024;

export interface TreesOptions {
  /** The data folder, absolute: no tree stands in it. */
  readonly data: string;
  /** Its `blobs`. */
  readonly blobs: string;
  readonly atStep: AtTreeStep;
  readonly now: () => Instant;
}

/** Exported trees, in folders outside the data folder (docs/store-format.md). Throws `Failure` `store.*`. */
export function openTrees(options: TreesOptions): Trees {
  return { open: (folder, channel) => openFolder(options, folder, channel) };
}

async function openFolder(options: TreesOptions, folder: string, channel: string): Promise<TreeFolder | Refusal> {
  return onDisk("opening a folder for trees", async () => {
    if (!path.isAbsolute(folder) || isInside(folder, options.data) || isInside(options.data, folder))
      return refuse("export.folder-unsafe", `${folder}: a tree stands outside the data folder, and not around it`);
    const made = await mkdir(folder, { recursive: true });
    // Whatever the umask says: servers of other users read here.
    if (made !== undefined) await setFolderMode(folder, 0o755);
    const stat = await lstat(folder);
    // Whoever can rename in the folder could lead our next write, made with the store's rights, to a place of theirs.
    if (!stat.isDirectory() || !ours(stat) || (stat.mode & 0o022) !== 0)
      return refuse("export.folder-unsafe", `${folder} is a link, or others than the daemon's user may write in it`);
    const mark = path.join(folder, MARK);
    const text = await readFile(mark, "utf8").catch(orNull);
    if (text === null) {
      if ((await readdir(folder)).length > 0)
        return refuse("export.folder-taken", `${folder} holds something else than exported trees`);
      await replaceDurably(mark, Buffer.from(`${JSON.stringify({ format: 1, channel })}\n`), NO_STEPS);
    } else if (text !== `${JSON.stringify({ format: 1, channel })}\n`) {
      return refuse("export.folder-taken", `${folder} holds the trees of another channel`);
    }
    const trees = new ExportFolder(options, folder, channel);
    await trees.look();
    return trees;
  });
}

const NO_STEPS = { written: (): void => undefined, renamed: (): void => undefined };

class ExportFolder implements TreeFolder {
  readonly #options: TreesOptions;
  readonly #folder: string;
  readonly #channel: string;
  #current: number | null = null;
  present: TreeRecord | null = null;

  constructor(options: TreesOptions, folder: string, channel: string) {
    this.#options = options;
    this.#folder = folder;
    this.#channel = channel;
  }

  get root(): string {
    return path.join(this.#folder, "current");
  }

  #place(number: number, ending = ""): string {
    return path.join(this.#folder, "trees", `${number}${ending}`);
  }

  /** What stands here now. */
  async look(): Promise<void> {
    await mkdir(path.join(this.#folder, "trees"), { recursive: true });
    await setFolderMode(path.join(this.#folder, "trees"), 0o755);
    await syncDirectory(this.#folder);
    const target = await readlink(this.root).catch(orNull);
    const number = /^trees\/([1-9]\d{0,9})$/.exec(target ?? "")?.[1];
    this.#current = number === undefined ? null : Number(number);
    this.present = this.#current === null ? null : await this.#record(this.#current);
  }

  async #record(number: number): Promise<TreeRecord | null> {
    const text = await readCapped(this.#place(number, ".json"), MOST_RECORD_BYTES);
    return text === null ? null : parseTreeRecord(text, this.#channel);
  }

  /** Numbers under which anything stands, a cut-off write included, in order. */
  async #numbers(): Promise<readonly number[]> {
    const names = await readdir(path.join(this.#folder, "trees"));
    const numbers = names.map((name) => name.split(".")[0] ?? "").filter((name) => NUMBER.test(name));
    return [...new Set(numbers.map(Number))].toSorted((a, b) => a - b);
  }

  async build(order: TreeOrder): Promise<TreeRecord | Refusal> {
    return onDisk("writing a tree", async () => {
      const number = Math.max(0, ...(await this.#numbers())) + 1;
      const before = this.present;
      const list =
        this.#current === null ? null : await readCapped(this.#place(this.#current, ".sha256"), MOST_LIST_BYTES);
      const built = await buildTree({
        order,
        root: this.#place(number),
        list: this.#place(number, ".sha256"),
        blobs: path.join(this.#options.blobs, "sha256"),
        before:
          this.#current === null || before === null || list === null
            ? null
            : { root: this.#place(this.#current), files: parseTreeList(list), record: before },
      });
      if ("code" in built) return built;
      this.#options.atStep("tree.built");
      const record = this.#recordOf(order, before, built);
      await replaceDurably(this.#place(number, ".json"), Buffer.from(formatTreeRecord(record)), NO_STEPS);
      this.#options.atStep("tree.recorded");
      await this.#switchTo(number);
      this.#current = number;
      this.present = record;
      this.#options.atStep("tree.switched");
      return record;
    });
  }

  #recordOf(order: TreeOrder, before: TreeRecord | null, built: Built): TreeRecord {
    const floor = before?.floor ?? built.channelLatest;
    return {
      format: 1,
      channel: this.#channel,
      method: order.method,
      since: this.#options.now(),
      mounts: order.mounts.map(({ source, mount, revision, movedAt }) => ({ source, mount, revision, movedAt })),
      floor,
      latest: Math.max(before?.latest ?? 0, floor, built.latest),
      files: built.files,
      bytes: built.bytes,
      copied: built.copied,
    };
  }

  /** One rename: whoever opens a path before it is in the old tree, whoever does after it in the new one. */
  async #switchTo(number: number): Promise<void> {
    const beside = `${this.root}.new`;
    await rm(beside, { force: true });
    await symlink(`trees/${number}`, beside);
    await rename(beside, this.root);
    await syncDirectory(this.#folder);
  }

  async sweep(replacedBefore: Instant): Promise<number> {
    return onDisk("removing old trees", async () => {
      await this.look();
      const numbers = await this.#numbers();
      let removed = 0;
      for (const [index, number] of numbers.entries()) {
        if (number === this.#current) continue;
        const next = numbers[index + 1];
        const replaced = next === undefined ? null : ((await this.#record(next))?.since ?? null);
        // One above the present tree was cut off before it was shown: nobody is in it.
        const shown = this.#current !== null && number < this.#current;
        if (shown && replaced !== null && replaced > replacedBefore) continue;
        await removeTree(this.#place(number));
        for (const ending of [".json", ".sha256"]) await rm(this.#place(number, ending), { force: true });
        this.#options.atStep("tree.removed");
        removed += 1;
      }
      return removed;
    });
  }
}

function ours(stat: Stats): boolean {
  return process.getuid === undefined || stat.uid === process.getuid();
}

function isInside(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === "" || (!relative.startsWith("..") && !path.isAbsolute(relative));
}

/** `null` when there is none, or more of it than could be ours. */
async function readCapped(file: string, most: number): Promise<string | null> {
  const stat = await lstat(file).catch(orNull);
  if (stat === null || !stat.isFile() || stat.size > most) return null;
  return readFile(file, { encoding: "utf8", flag: constants.O_RDONLY | constants.O_NOFOLLOW });
}

function orNull(cause: unknown): null {
  if (["ENOENT", "EINVAL"].includes(errnoOf(cause) ?? "")) return null;
  throw cause;
}
