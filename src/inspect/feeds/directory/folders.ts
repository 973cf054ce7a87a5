import { quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { pathFault } from "../../../core/kernel/safe-path.ts";
import type { ListedArtifact } from "../../../core/model/feed-listing.ts";
import type { Trust } from "../../../core/model/source.ts";
import type { ListingDialect, QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { readFtpList } from "./dialects/ftp-list.ts";
import { readHtml } from "./dialects/html.ts";
import { readMlsd } from "./dialects/mlsd.ts";
import { readNames } from "./dialects/names.ts";
import type { ReadFolder } from "./folder-entry.ts";
import { bareArtifact, pinnedDigests, unreadable } from "./listed.ts";
import { decodeText } from "./text-lines.ts";

const DIALECTS: Readonly<Record<ListingDialect, ReadFolder>> = {
  html: readHtml,
  mlsd: readMlsd,
  "ftp-list": readFtpList,
  names: readNames,
};

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

interface Page {
  readonly files: readonly { readonly name: string; readonly size: number | null }[];
  readonly folders: readonly string[];
}

/** Reads one folder's page, with so many files and folders at most; `folders: null` says to go no further down. */
async function readPage(
  page: QuarantinedFile,
  quarantine: QuarantineReader,
  most: { readonly files: number; readonly folders: number | null },
): Promise<Page | string> {
  if (page.absent) return "the folder is not there";
  if (page.dialect === null) return "the answer is no listing";
  const text = decode(await quarantine.read(page, LIMITS.indexBytes), page.dialect);
  if (text === null) return "not UTF-8";
  const files: { name: string; size: number | null }[] = [];
  const folders: string[] = [];
  const fault = DIALECTS[page.dialect](text, ({ name, folder, size }) => {
    if (page.path.length + name.length > LIMITS.pathLength * 4) return "a path longer than any file system takes";
    if (folder && most.folders === null) return null;
    // A folder whose name is not safe is not entered; the name goes on as it is, for judging to refuse.
    if (folder && pathFault(page.path + name) === null && !name.includes("/")) folders.push(name);
    else files.push({ name, size });
    if (files.length > most.files) return `more than ${LIMITS.feedNames} names`;
    return folders.length > (most.folders ?? 0) ? `more than ${LIMITS.listingFolders} folders` : null;
  });
  return fault ?? { files, folders };
}

/** Of a web page the links alone count, which are ASCII, so that the rest of it may be in any encoding. */
function decode(bytes: Uint8Array, dialect: ListingDialect): string | null {
  return dialect === "html" ? new TextDecoder("utf-8").decode(bytes) : decodeText(bytes);
}
