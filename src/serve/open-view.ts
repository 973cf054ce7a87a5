import type { ChannelPointer } from "../core/publish/channel-pointer.ts";
import {
  BY_HASH,
  digestAsked,
  type FoundDirectory,
  type FoundFile,
  findByHash,
  findInChannel,
  inMountOrder,
  type MountedView,
} from "../core/publish/channel-view.ts";
import { readShutoff, type ShutoffOrder, shutOffBy, shutoffMark } from "../wire/shutoff-file.ts";
import type { Counted } from "./leases.ts";
import { Recent } from "./recent.ts";
import { readPointer, ViewFiles } from "./view-files.ts";

/** Files whose records are kept at hand, in each view. */
const RECENT_FILES = 4_096;

/** What is not served, whatever view holds it. */
class WithheldSet {
  readonly #digests: ReadonlySet<string>;
  readonly #revisions: ReadonlySet<string>;

  constructor({ digests, revisions }: ChannelPointer["withheld"]) {
    this.#digests = new Set(digests);
    this.#revisions = new Set(revisions.map(({ source, revision }) => `${source}/${revision}`));
  }

  hides(found: FoundFile | FoundDirectory): boolean {
    const owner = found.kind === "file" ? found : found.owner;
    if (owner !== null && this.#revisions.has(`${owner.source}/${owner.revision}`)) return true;
    return found.kind === "file" && this.#digests.has(found.sha256);
  }
}

/** What a view must know of its channel as it is later. */
interface Around {
  /** The view that the channel shows at any later time. */
  readonly shown: () => ChannelView;
  readonly hides: (found: FoundFile | FoundDirectory) => boolean;
}

/**
 * A channel as its pointer file said at one moment. Whoever uses it retains it; when the last one lets go, its files
 * are closed.
 */
export class ChannelView implements Counted {
  readonly #mounts: readonly MountedView[];
  readonly #files: ViewFiles;
  readonly #recent = new Recent<string, FoundFile>(RECENT_FILES);
  readonly #shown: () => ChannelView;
  readonly #hides: Around["hides"];
  #users = 1;

  /**
   * Opens what the pointer file names; its maker holds it. `shown`: the view that the channel shows at any later time.
   * Throws `Failure` `store.*`, and then nothing stays open.
   */
  constructor(pointer: ChannelPointer, files: ViewFiles, around: Around) {
    this.#files = files;
    this.#shown = around.shown;
    this.#hides = around.hides;
    const opened: MountedView[] = [];
    this.#mounts = opened;
    try {
      for (const { source, mount, revision, steps } of pointer.mounts) {
        opened.push({ source, mount, steps, view: files.acquire(source, revision) });
      }
    } catch (cause) {
      this.release();
      throw cause;
    }
    this.#mounts = inMountOrder(opened);
  }

  /**
   * What stands under a path that begins with `/`, or `null`. What is withheld now is not there, in whichever view a
   * client is held. Throws `Failure` `store.*` on a damaged view.
   */
  find(path: string): FoundFile | FoundDirectory | null {
    const found = this.#lookUp(path);
    return found === null || this.#hides(found) ? null : found;
  }

  #lookUp(path: string): FoundFile | FoundDirectory | null {
    const known = this.#recent.get(path);
    if (known !== undefined) return known;
    const found = path.startsWith(BY_HASH) ? this.#byHash(path) : findInChannel(this.#mounts, path);
    // What is absent is not kept: names are free to invent, and would push out those that are asked for.
    if (found?.kind === "file") this.#recent.put(path, found);
    // Whoever is held on this view may still ask for what came after it, by digest: that can be mixed with nothing.
    if (found === null && path.startsWith(BY_HASH) && this.#shown() !== this) return this.#shown().find(path);
    return found;
  }

  #byHash(path: string): FoundFile | null {
    const sha256 = digestAsked(path);
    return sha256 === null ? null : findByHash(this.#mounts, sha256);
  }

  /** Whose content stands under a path, whether the path names anything of it or not. */
  ownerOf(path: string): { readonly source: string; readonly revision: number } | null {
    const owner = this.#mounts.find(({ mount }) => path.startsWith(mount));
    return owner === undefined ? null : { source: owner.source, revision: owner.view.revision };
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
  #withheld: WithheldSet;
  #orders: readonly ShutoffOrder[] = [];
  #mark = "";
  #current: ChannelView;

  /** `folder`: the data folder's `views`. Throws `Failure` `store.*`. */
  constructor(folder: string, channel: string) {
    this.#folder = folder;
    this.#channel = channel;
    this.#files = new ViewFiles(folder);
    this.lookAtShutoff();
    const pointer = readPointer(folder, channel);
    this.#withheld = new WithheldSet(pointer.withheld);
    this.#current = this.#open(pointer);
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
    const pointer = readPointer(this.#folder, this.#channel);
    // Before the new view: what is blocked is withheld also when that one cannot be opened.
    this.#withheld = new WithheldSet(pointer.withheld);
    const before = this.#current;
    this.#current = this.#open(pointer);
    before.release();
  }

  #hides(found: FoundFile | FoundDirectory): boolean {
    if (this.#withheld.hides(found) || this.shutOff) return true;
    const source = found.kind === "file" ? found.source : (found.owner?.source ?? null);
    return source !== null && shutOffBy(this.#orders, this.#channel, source) !== null;
  }

  /** Whether the channel as a whole serves nothing. */
  get shutOff(): boolean {
    return shutOffBy(this.#orders, this.#channel, null) !== null;
  }

  /** Looks whether the orders to serve nothing have changed; `true` when something of this channel was stopped by that. */
  lookAtShutoff(): boolean {
    const mark = shutoffMark(this.#folder);
    if (mark === this.#mark) return false;
    const before = this.#orders;
    this.#orders = readShutoff(this.#folder);
    this.#mark = mark;
    const concerns = (order: ShutoffOrder): boolean => (order.channel ?? this.#channel) === this.#channel;
    const known = new Set(before.map(({ source, channel }) => `${source} ${channel}`));
    return this.#orders.some((order) => concerns(order) && !known.has(`${order.source} ${order.channel}`));
  }

  #open(pointer: ChannelPointer): ChannelView {
    return new ChannelView(pointer, this.#files, { shown: () => this.#current, hides: (found) => this.#hides(found) });
  }

  close(): void {
    this.#current.release();
  }
}
