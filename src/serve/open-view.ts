import {
  type FoundDirectory,
  type FoundFile,
  findInChannel,
  inMountOrder,
  type MountedView,
} from "../core/publish/channel-view.ts";
import type { Counted } from "./leases.ts";
import { Recent } from "./recent.ts";
import { readPointer, ViewFiles } from "./view-files.ts";

/** Files whose records are kept at hand, in each view. */
const RECENT_FILES = 4_096;

/**
 * A channel as its pointer file said at one moment. Whoever uses it retains it; when the last one lets go, its files
 * are closed.
 */
export class ChannelView implements Counted {
  readonly #mounts: readonly MountedView[];
  readonly #files: ViewFiles;
  readonly #recent = new Recent<string, FoundFile>(RECENT_FILES);
  #users = 1;

  /** Opens what the pointer file names; its maker holds it. Throws `Failure` `store.*`, and then nothing stays open. */
  constructor(folder: string, channel: string, files: ViewFiles) {
    this.#files = files;
    const opened: MountedView[] = [];
    this.#mounts = opened;
    try {
      for (const { source, mount, revision, steps } of readPointer(folder, channel).mounts) {
        opened.push({ source, mount, steps, view: files.acquire(source, revision) });
      }
    } catch (cause) {
      this.release();
      throw cause;
    }
    this.#mounts = inMountOrder(opened);
  }

  /** What stands under a path that begins with `/`, or `null`. Throws `Failure` `store.*` on a damaged view. */
  find(path: string): FoundFile | FoundDirectory | null {
    const known = this.#recent.get(path);
    if (known !== undefined) return known;
    const found = findInChannel(this.#mounts, path);
    // What is absent is not kept: names are free to invent, and would push out those that are asked for.
    if (found?.kind === "file") this.#recent.put(path, found);
    return found;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) for (const { source, view } of this.#mounts) this.#files.release(source, view.revision);
  }
}

/** A channel's present view, which `reopen` replaces. */
export class OpenChannel {
  readonly #folder: string;
  readonly #channel: string;
  readonly #files: ViewFiles;
  #current: ChannelView;

  /** `folder`: the data folder's `views`. Throws `Failure` `store.*`. */
  constructor(folder: string, channel: string) {
    this.#folder = folder;
    this.#channel = channel;
    this.#files = new ViewFiles(folder);
    this.#current = new ChannelView(folder, channel, this.#files);
  }

  get current(): ChannelView {
    return this.#current;
  }

  /** View files that are open: those shown now, and those that some client is still held on. */
  get openFiles(): number {
    return this.#files.size;
  }

  /** Reads the pointer file again. Throws `Failure` `store.*`, and then the view stays as it was. */
  reopen(): void {
    const before = this.#current;
    this.#current = new ChannelView(this.#folder, this.#channel, this.#files);
    before.release();
  }

  close(): void {
    this.#current.release();
  }
}
