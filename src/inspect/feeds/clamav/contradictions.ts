import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { CvdHeader, CvdStatement } from "./cvd-header.ts";
import type { DatabaseInfo, ListedMember } from "./database-info.ts";

/** The licence text: the vendor packs it first and lists it nowhere, and no client loads it. */
const UNLISTED = "COPYING";

const COMPARED: readonly (readonly [keyof CvdStatement, string])[] = [
  ["version", "version"],
  ["time", "build time"],
  ["epoch", "build time in seconds"],
  ["signatures", "signatures"],
  ["functionalityLevel", "functionality level"],
  ["builder", "builder"],
];

/**
 * Where the signed inside of a database says otherwise than its unsigned header, or holds other members than it lists.
 * An edited header passes the header's own signature, which is over the body: only this comparison shows it.
 */
export function contradictionsOf(
  header: CvdHeader,
  info: DatabaseInfo,
  members: ReadonlyMap<string, ListedMember>,
): readonly string[] {
  const found: string[] = [];
  for (const [key, name] of COMPARED) {
    if (header[key] !== info.statement[key]) found.push(`${name}: header ${header[key]}, .info ${info.statement[key]}`);
  }
  for (const [name, listed] of info.members) {
    const member = members.get(name);
    const shown = quoteOutside(name);
    if (member === undefined) found.push(`${shown}: listed in .info, not in the body`);
    else if (member.size !== listed.size) found.push(`${shown}: ${member.size} bytes, .info says ${listed.size}`);
    else if (member.sha256 !== listed.sha256) found.push(`${shown}: its SHA-256 is not the one in .info`);
  }
  for (const name of members.keys()) {
    if (name !== UNLISTED && !info.members.has(name))
      found.push(`${quoteOutside(name)}: in the body, not listed in .info`);
  }
  return found;
}
