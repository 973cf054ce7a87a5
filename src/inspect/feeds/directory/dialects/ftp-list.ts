import type { FolderEntry, ReadFolder } from "../folder-entry.ts";
import { parseByteCount } from "../folder-entry.ts";
import { eachLine } from "../text-lines.ts";

// RFC 959 leaves the form of LIST to the server. What servers agree on is `ls -l` and the form of DOS. Fields and the
// space between them share no character, so that neither pattern can backtrack far on a hostile line.
const UNIX =
  /^([-a-zA-Z])[-rwxsStTlL]{9}[.+@]?[ \t]+\d+[ \t]+[^ \t]+(?:[ \t]+[^ \t]+)?[ \t]+(\d+)[ \t]+(?:[A-Z][a-z]{2}[ \t]+\d{1,2}[ \t]+(?:\d{4}|\d{1,2}:\d{2})|\d{4}-\d{2}-\d{2}[ \t]+\d{2}:\d{2}) (.+)$/s;
const UNIX_DEVICE = /^[bcps][-rwxsStTlL]{9}/;
const DOS =
  /^\d{2}[-/.]\d{2}[-/.](?:\d{4}|\d{2})[ \t]+\d{1,2}:\d{2}(?:[ \t]?[AaPp][Mm])?[ \t]+(?:(<[A-Z]+>)[ \t]+|(\d+) )(.+)$/s;

/** Reads the answer to LIST in the form of Unix or DOS; a line of any other form makes the listing unreadable. */
export const readFtpList: ReadFolder = (text, take) =>
  eachLine(text, (line) => {
    if (line === "" || /^total \d+$/i.test(line) || UNIX_DEVICE.test(line)) return null;
    const entry = parseUnix(line) ?? parseDos(line);
    if (entry === null) return "neither the form of ls -l nor that of DOS";
    if (entry === "left-out" || entry.name === "." || entry.name === "..") return null;
    return take(entry);
  });

function parseUnix(line: string): FolderEntry | "left-out" | null {
  const [, type, size, name] = UNIX.exec(line) ?? [];
  if (type === undefined || size === undefined || name === undefined) return null;
  if (type === "d") return { name, folder: true, size: null };
  return type === "-" ? { name, folder: false, size: parseByteCount(size) } : "left-out";
}

function parseDos(line: string): FolderEntry | "left-out" | null {
  const [, mark, size, name] = DOS.exec(line) ?? [];
  if (name === undefined) return null;
  if (mark !== undefined) return mark === "<DIR>" ? { name, folder: true, size: null } : "left-out";
  return { name, folder: false, size: parseByteCount(size ?? "") };
}
