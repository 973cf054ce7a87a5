import { quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { pathFault } from "../../../core/kernel/safe-path.ts";
import type { LiveupdateFeed } from "../../../core/model/source.ts";
import { FULL_INDEX, indexName, isIndexName, isSideFileName } from "../../../formats/liveupdate/names.ts";
import type { NeededFile, QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { bareArtifact, unreadable } from "../../listed-artifact.ts";
import { readPage } from "../directory/folder-page.ts";

/** Every index is at hand that the upstream has. */
export interface Sought {
  readonly kind: "sought";
  readonly indexes: readonly QuarantinedFile[];
  /** Paths of packages that the upstream's own listing shows: nobody vouches for one that no index names. */
  readonly seen: readonly string[];
}

/**
 * Which indexes to read: those of the products written down, every one that the upstream lists, or the old one of
 * everything. The flag file is not among them: it says nothing, and so is not asked for.
 */
export async function seekIndexes(
  feed: LiveupdateFeed,
  files: readonly QuarantinedFile[],
  quarantine: QuarantineReader,
): Promise<Reading | Sought> {
  const { index } = feed;
  if (index.kind === "none") return { kind: "sought", indexes: [], seen: [] };
  if (index.kind === "full") return gathered([FULL_INDEX], files, [], false);
  if (index.kind === "products") {
    const names = index.products.map(({ folder, ...identity }) => folder + indexName(identity));
    // A product without an index has no updates: that is how clients are taken to understand it.
    return gathered([...new Set(names)], files, [], true);
  }
  return readFolders(index.folders, files, quarantine);
}

async function readFolders(
  folders: readonly string[],
  files: readonly QuarantinedFile[],
  quarantine: QuarantineReader,
): Promise<Reading | Sought> {
  const missing = folders.filter((folder) => !files.some(({ path }) => path === folder));
  if (missing.length > 0) {
    const need = { list: true, first: null, optional: true, most: LIMITS.indexBytes };
    return { kind: "needs", files: missing.map((path) => ({ path, ...need })) };
  }
  const names = new Set<string>();
  const seen = new Set<string>();
  for (const folder of folders) {
    const page = files.find(({ path }) => path === folder);
    if (page === undefined || page.absent) continue;
    const found = await readPage(page, quarantine, { files: LIMITS.feedNames - seen.size, folders: null });
    if (typeof found === "string") return unreadable(`${quoteOutside(folder) || "the top folder"}: ${found}`);
    for (const { name } of found.files) {
      if (isIndexName(name)) names.add(folder + name);
      else if (isSideFileName(name)) seen.add(folder + name);
    }
  }
  // It is not even asked for: some transports cannot say it, and that would look like a fault of the source's address.
  const unsafe = [...names].find((path) => pathFault(path) !== null);
  if (unsafe !== undefined) return namedOnly(unsafe);
  return gathered([...names], files, [...seen], false);
}

/** A listing of this name alone, for judging to refuse. */
function namedOnly(path: string): Reading {
  const listing = { artifacts: [bareArtifact(path, {})], series: [] };
  return { kind: "listing", listing, findings: { signatures: [], malformed: null } };
}

function gathered(
  names: readonly string[],
  files: readonly QuarantinedFile[],
  seen: readonly string[],
  optional: boolean,
): Reading | Sought {
  if (names.length > LIMITS.liveupdateIndexes) return unreadable(`more than ${LIMITS.liveupdateIndexes} indexes`);
  const byPath = new Map(files.map((file) => [file.path, file]));
  const missing = names.filter((path) => !byPath.has(path));
  if (missing.length > 0) return { kind: "needs", files: missing.map((path) => needed(path, optional)) };
  const indexes = names.map((path) => byPath.get(path)).filter((file) => file !== undefined && !file.absent);
  return { kind: "sought", indexes: indexes as QuarantinedFile[], seen };
}

function needed(path: string, optional: boolean): NeededFile {
  return { path, list: false, first: null, optional, most: LIMITS.indexBytes };
}
