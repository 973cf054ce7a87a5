import { bytesOf, withEscapes } from "../../core/intake/index-spelling.ts";
import { LIMITS } from "../../core/kernel/limits.ts";

/** What an index speaks for. Comparisons ignore case. */
export interface Identity {
  readonly product: string;
  readonly version: string;
  readonly language: string;
}

/** Clients ask for it first; it tells them that there is an index for each product. */
export const FLAG_NAME = "minitri.flg";
/** Its whole content: one space. It is made here and never taken from an upstream, which nothing would vouch for. */
export const FLAG_CONTENT = " ";
/** The old index of everything. */
export const FULL_INDEX = "livetri.zip";

const INDEX_ENDING = "_livetri.zip";

/**
 * The name of a product's index: lower case, unsafe bytes of its UTF-8 form as `$hh`. Seen in the wild is only `$20`;
 * the rest of the escape is inferred.
 *
 * The other way is not to be gone: `_` may stand inside a product's name. Product, version and language are read from
 * the signed text, and then the name must be theirs.
 */
export function indexName({ product, version, language }: Identity): string {
  return `${escaped(product)}_${escaped(version)}_${escaped(language)}${INDEX_ENDING}`;
}

function escaped(text: string): string {
  return withEscapes(bytesOf(text));
}

/** Whether a file of this name (without folders) is the index of a product. */
export function isIndexName(name: string): boolean {
  return name.length > INDEX_ENDING.length && name.toLowerCase().endsWith(INDEX_ENDING);
}

/** Whether a name is that of a package beside its index: ten digits of seconds since 1970, then the vendor's name. */
export function isSideFileName(name: string): boolean {
  return /^\d{10}[^/]*\.[^./]+$/.test(name);
}

/** Whether a name that an index gives is one plain file beside it, whatever any system makes of names. */
export function isPlainName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= LIMITS.pathSegment &&
    /^[A-Za-z0-9$][\w $.,;=+~!@()[\]{}'&^-]*(?<![ .])$/.test(name)
  );
}

/**
 * Whether a text matches a pattern, without regard to case: `*` stands for any run of characters, all else for itself.
 * Only the last `*` is ever gone back to, so that the time is at most the product of both lengths.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = text.toLowerCase();
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let from = 0; from < given.length; ) {
    if (wanted[at] === "*") {
      star = at;
      resume = from;
      at += 1;
    } else if (at < wanted.length && wanted[at] === given[from]) {
      at += 1;
      from += 1;
    } else if (star === -1) {
      return false;
    } else {
      at = star + 1;
      resume += 1;
      from = resume;
    }
  }
  while (wanted[at] === "*") at += 1;
  return at === wanted.length;
}
