import { LIMITS } from "../../../core/kernel/limits.ts";
import { pathFault } from "../../../core/kernel/safe-path.ts";
import type { ListingDialect, QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader } from "../../feed-format.ts";
import { readFtpList } from "./dialects/ftp-list.ts";
import { readHtml } from "./dialects/html.ts";
import { readMlsd } from "./dialects/mlsd.ts";
import { readNames } from "./dialects/names.ts";
import type { ReadFolder } from "./folder-entry.ts";
import { decodeText } from "./text-lines.ts";

const DIALECTS: Readonly<Record<ListingDialect, ReadFolder>> = {
  html: readHtml,
  mlsd: readMlsd,
  "ftp-list": readFtpList,
  names: readNames,
};

interface Page {
  readonly files: readonly { readonly name: string; readonly size: number | null }[];
  readonly folders: readonly string[];
}

/**
 * Reads one folder's page as the upstream lists it, with so many files and folders at most; `folders: null` says to go no
 * further down. A text says why there is none.
 */
export async function readPage(
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
