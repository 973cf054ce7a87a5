import { parseSha256, type Sha256 } from "../kernel/digest.ts";
import type { Instant } from "../kernel/instant.ts";
import type { ChannelStep } from "../model/channel.ts";
import { lastModified } from "./last-modified.ts";
import type { RevisionView, ViewDirectory, ViewFile } from "./revision-view.ts";

/** One source's revision as a channel shows it. */
export interface MountedView {
  readonly source: string;
  /** `/` at both ends. */
  readonly mount: string;
  readonly steps: readonly ChannelStep[];
  readonly view: RevisionView;
}

export interface FoundFile {
  readonly kind: "file";
  /** The whole path, from the channel's root. */
  readonly path: string;
  readonly source: string;
  readonly revision: number;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** A whole second. */
  readonly lastModified: Instant;
  /** It was asked for by its digest: nothing else will ever stand under this path. */
  readonly immutable?: true;
}

export interface FoundDirectory {
  readonly kind: "directory";
  /** The whole path, with `/` at its end. */
  readonly path: string;
  /** Whose it is; `null` where only mounts lie below. */
  readonly owner: { readonly source: string; readonly revision: number } | null;
  /** By name in code-unit order. */
  readonly rows: () => Iterable<DirectoryRow>;
}

export interface DirectoryRow {
  readonly name: string;
  /** Of a file; `null` for a directory. */
  readonly file: { readonly size: number; readonly lastModified: Instant } | null;
}

/**
 * Below it contents stand under their digests, whatever is mounted: `core/model/source.ts` lets no source stand there, and
 * of one that is mounted at `/` nothing below it is seen by name.
 */
export const BY_HASH = "/by-hash/sha256/";

/** The digest that a path asks for; `null` for one below `BY_HASH` that is none. One content has one such path. */
export function digestAsked(path: string): Sha256 | null {
  const digits = path.slice(BY_HASH.length);
  return /^[0-9a-f]{64}$/.test(digits) ? parseSha256(digits) : null;
}

/**
 * A content that some revision shown here has, under its digest; `null` when none has it: what another channel holds, or
 * what this one showed before, is not reached through this one.
 */
export function findByHash(mounts: readonly MountedView[], sha256: Sha256): FoundFile | null {
  for (const { view, source, steps } of mounts) {
    const record = view.lookUpDigest(sha256);
    if (record !== null) return { ...found(record, view.revision, source, steps, BY_HASH + sha256), immutable: true };
  }
  return null;
}

/** The order in which mounts are tried: the longest first, so that a source inside another's mount is reached. */
export function inMountOrder(mounts: readonly MountedView[]): readonly MountedView[] {
  return mounts.toSorted((a, b) => b.mount.length - a.mount.length || (a.mount < b.mount ? -1 : 1));
}

/**
 * What a channel shows under a path that begins with `/`, or `null`. The name is looked up as it is and never joined
 * to another: `..`, `//` and their like are names that no view holds. A directory is found with and without `/` at its
 * end, a file only without. `mounts` are in mount order.
 */
export function findInChannel(mounts: readonly MountedView[], path: string): FoundFile | FoundDirectory | null {
  if (!path.startsWith("/")) return null;
  const folder = path.endsWith("/") ? path : `${path}/`;
  const owner = mounts.find(({ mount }) => folder.startsWith(mount));
  const below = new Set<string>();
  for (const { mount } of mounts) {
    if (mount.length > folder.length && mount.startsWith(folder))
      below.add(mount.slice(folder.length, mount.indexOf("/", folder.length)));
  }
  const record = owner?.view.lookUp(folder.slice(owner.mount.length, -1)) ?? null;
  if (owner !== undefined && record?.kind === "file" && below.size === 0) {
    if (folder === path) return null;
    return found(record, owner.view.revision, owner.source, owner.steps, path);
  }
  // An inner path that is "" is the mount itself, reached by its own name only: `/clamav//` ends in an empty segment.
  const directory = record?.kind === "directory" && !folder.endsWith("//") ? record : null;
  if (directory === null && below.size === 0 && folder !== "/") return null;
  return {
    kind: "directory",
    path: folder,
    owner: owner === undefined || directory === null ? null : { source: owner.source, revision: owner.view.revision },
    rows: () => rowsOf(owner, directory, below),
  };
}

function found(
  { sha256, size, since, builtAt }: ViewFile,
  revision: number,
  source: string,
  steps: readonly ChannelStep[],
  path: string,
): FoundFile {
  return { kind: "file", path, source, revision, sha256, size, lastModified: lastModified(since, builtAt, steps) };
}

function* rowsOf(
  owner: MountedView | undefined,
  directory: ViewDirectory | null,
  below: ReadonlySet<string>,
): Generator<DirectoryRow> {
  const mounts = [...below].toSorted();
  let next = 0;
  if (owner !== undefined && directory !== null) {
    const prefix = directory.path === "" ? 0 : directory.path.length + 1;
    for (const record of owner.view.children(directory)) {
      const name = record.path.slice(prefix);
      for (let mount = mounts[next]; mount !== undefined && mount < name; mount = mounts[++next]) {
        yield { name: mount, file: null };
      }
      if (below.has(name)) continue;
      yield { name, file: record.kind === "directory" ? null : rowFile(record, owner.steps) };
    }
  }
  for (const mount of mounts.slice(next)) yield { name: mount, file: null };
}

function rowFile({ size, since, builtAt }: ViewFile, steps: readonly ChannelStep[]): DirectoryRow["file"] {
  return { size, lastModified: lastModified(since, builtAt, steps) };
}
