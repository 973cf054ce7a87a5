import { LIMITS } from "./limits.ts";

declare const safePathBrand: unique symbol;

/**
 * The path of an artifact inside a revision: relative, `/` between segments, nothing that any file system, URL or FTP
 * line could read as something else. Only `parseSafePath` makes one.
 */
export type SafePath = string & { readonly [safePathBrand]: true };

export type PathFault =
  | "empty"
  | "absolute"
  | "dot-segment"
  | "empty-segment"
  | "control-character"
  | "backslash"
  | "drive-or-stream"
  | "forbidden-character"
  | "trailing-dot-or-space"
  | "not-unicode"
  | "reserved-name"
  | "too-long"
  | "too-deep";

// Names that Windows gives to devices, whatever the extension and the spaces before it, the three superscript digits
// included: a share of the exported tree would never open them.
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;

// What NTFS takes in no name, a shell and an FTP listing take for a pattern, and a URL for the end of its path.
const FORBIDDEN = /[<>"|?*]/;

// C0, DEL, C1, and the marks that turn the direction of text: `exe.gpj` must not be shown as `jpg.exe`.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** The first fault of a name from outside, or `null` when it is safe. */
export function pathFault(text: string): PathFault | null {
  if (text === "") return "empty";
  if (longerThan(text, LIMITS.pathLength)) return "too-long";
  if (!text.isWellFormed() || text !== text.normalize("NFC")) return "not-unicode";
  if (CONTROL.test(text)) return "control-character";
  if (text.includes("\\")) return "backslash";
  if (text.startsWith("/")) return "absolute";
  const segments = text.split("/");
  if (segments.length > LIMITS.pathDepth) return "too-deep";
  for (const segment of segments) {
    if (segment === "") return "empty-segment";
    if (segment === "." || segment === "..") return "dot-segment";
    if (longerThan(segment, LIMITS.pathSegment)) return "too-long";
    if (segment.includes(":")) return "drive-or-stream";
    if (FORBIDDEN.test(segment)) return "forbidden-character";
    if (/[. ]$/.test(segment)) return "trailing-dot-or-space";
    if (RESERVED.test(segment)) return "reserved-name";
  }
  return null;
}

const UTF8 = new TextEncoder();

// A code unit is at most three bytes of UTF-8: most names need no encoding to be seen short enough.
function longerThan(text: string, mostBytes: number): boolean {
  return text.length > mostBytes || (text.length * 3 > mostBytes && UTF8.encode(text).length > mostBytes);
}

/** A safe path, or the name of what is wrong with it. */
export function parseSafePath(text: string): { readonly path: SafePath } | { readonly fault: PathFault } {
  const fault = pathFault(text);
  return fault === null ? { path: text as SafePath } : { fault };
}

/** A `SafePath` from text known to be safe (our own ledger, a literal); a bug when it is not. */
export function safePath(text: string): SafePath {
  const fault = pathFault(text);
  if (fault !== null) throw new Error(`not a safe path (${fault})`);
  return text as SafePath;
}

// Marks without a shape of their own, which HFS+ and some ext4 drop from names before they compare them.
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Paths with equal keys would be one file on a case-insensitive file system. Upper case first: it makes one of what
 * lower case keeps apart (the two small sigmas, "ß" and "ss"), as those file systems do.
 */
export function collisionKey(path: string): string {
  return path.replace(IGNORED, "").normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}
