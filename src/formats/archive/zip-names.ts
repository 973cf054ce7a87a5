import { quoteOutside } from "../../core/kernel/errors.ts";
import { collisionKey, pathFault } from "../../core/kernel/safe-path.ts";

/** What stands under one name on a file system that takes no notice of case. */
interface Claim {
  readonly path: string;
  readonly folder: boolean;
  /** A member of its own, not only the folder that another member lies in. */
  readonly member: boolean;
}

/** The names of an archive so far, by collision key. */
export type NameBook = Map<string, Claim>;

/**
 * Enters a member's name, or says why it may not stand beside the others: unsafe, the same file twice on some file
 * system, a file where another member needs a folder. A name with "/" at its end is a folder.
 */
export function claimName(book: NameBook, name: string): string | null {
  const folder = name.endsWith("/");
  const path = folder ? name.slice(0, -1) : name;
  const unsafe = pathFault(path);
  if (unsafe !== null) return `member name ${quoteOutside(name)} is unsafe (${unsafe})`;
  const twice = `two members would be one file: ${quoteOutside(name)}`;
  const key = collisionKey(path);
  const held = book.get(key);
  // A folder may be named after what lies in it was; the same spelling, and once.
  if (held !== undefined && !(folder && held.folder && !held.member && held.path === path)) return twice;
  book.set(key, { path, folder, member: true });
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    const above = path.slice(0, slash);
    const aboveKey = collisionKey(above);
    const claim = book.get(aboveKey);
    if (claim === undefined) book.set(aboveKey, { path: above, folder: true, member: false });
    else if (!claim.folder || claim.path !== above) return twice;
    // What is there has its own folders there already.
    else break;
  }
  return null;
}
