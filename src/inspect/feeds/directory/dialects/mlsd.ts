import type { ReadFolder } from "../folder-entry.ts";
import { parseByteCount } from "../folder-entry.ts";
import { eachLine } from "../text-lines.ts";

/**
 * Reads the answer to MLSD (RFC 3659 section 7): facts, each closed by `;`, one space, the name as it is. Types other
 * than `file` and `dir` are left out: the folder itself (`cdir`), its parent (`pdir`), links and devices (`OS.…`).
 */
export const readMlsd: ReadFolder = (text, take) =>
  eachLine(text, (line) => {
    if (line === "") return null;
    const space = line.indexOf(" ");
    if (space === -1 || space === line.length - 1) return "no name behind the facts";
    const facts = parseFacts(line.slice(0, space));
    if (facts === null) return "facts that are not name=value;";
    const type = facts.get("type")?.toLowerCase();
    if (type === undefined) return "no type fact: file and folder cannot be told apart";
    if (type !== "file" && type !== "dir") return null;
    const stated = facts.get("size");
    const size = stated === undefined ? null : parseByteCount(stated);
    if (stated !== undefined && size === null) return "a size that is no number";
    return take({ name: line.slice(space + 1), folder: type === "dir", size: type === "dir" ? null : size });
  });

/** Fact names are case-insensitive (section 7.5). */
function parseFacts(text: string): ReadonlyMap<string, string> | null {
  const facts = new Map<string, string>();
  // Servers are seen that leave out the last semicolon.
  for (const fact of (text.endsWith(";") ? text.slice(0, -1) : text).split(";")) {
    const equals = fact.indexOf("=");
    if (equals < 1) return null;
    facts.set(fact.slice(0, equals).toLowerCase(), fact.slice(equals + 1));
  }
  return facts;
}
