import { quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { ListedArtifact } from "../../../core/model/feed-listing.ts";
import type { Trust } from "../../../core/model/source.ts";
import type { QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { bareArtifact, unreadable } from "../../listed-artifact.ts";
import { readPage } from "./folder-page.ts";
import { pinnedDigests } from "./pins.ts";

interface Input {
  /** How many folders down to go; 0 is the top folder alone. */
  readonly depth: number;
  readonly trust: Trust;
  readonly files: readonly QuarantinedFile[];
  readonly quarantine: QuarantineReader;
}

/**
 * Reads a feed whose index is the upstream's own listing of its folders, one level of folders a round. A folder is asked
 * for by its path with `/` at the end, the top one by the empty path.
 */
export async function readFolders({ depth, trust, files, quarantine }: Input): Promise<Reading> {
  const pages = new Map(files.map((file) => [file.path, file]));
  const missing: string[] = [];
  const artifacts: ListedArtifact[] = [];
  const level = new Map<string, number>([["", 0]]);
  for (const [folder, below] of level) {
    const page = pages.get(folder);
    if (page === undefined) {
      missing.push(folder);
      continue;
    }
    const found = await readPage(page, quarantine, {
      files: LIMITS.feedNames - artifacts.length,
      folders: below < depth ? LIMITS.listingFolders - level.size : null,
    });
    if (typeof found === "string")
      return unreadable(`${folder === "" ? "the top folder" : quoteOutside(folder)}: ${found}`);
    for (const { name, size } of found.files) {
      const path = folder + name;
      artifacts.push(bareArtifact(path, trust.kind === "pinned" ? pinnedDigests(trust, path) : {}, size));
    }
    for (const name of found.folders) level.set(`${folder}${name}/`, below + 1);
  }
  if (missing.length > 0) {
    return {
      kind: "needs",
      files: missing.map((path) => ({ path, list: true, first: null, optional: false, most: LIMITS.indexBytes })),
    };
  }
  return { kind: "listing", listing: { artifacts, series: [] }, findings: { signatures: [], malformed: null } };
}
