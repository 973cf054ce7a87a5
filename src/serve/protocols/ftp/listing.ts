import type { Instant } from "../../../core/kernel/instant.ts";
import { DAY } from "../../../core/kernel/instant.ts";
import type { DirectoryRow, FoundDirectory } from "../../../core/publish/channel-view.ts";

/** Rows of one listing. Past it the client is told that more is there. */
const MOST_LISTED = 100_000;
/** Characters of one piece, about. */
const PIECE = 32 * 1024;
/** `ls` shows the hour of what is younger than this, and the year of what is older. */
const RECENT = 180 * DAY;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** What MLSD and MLST tell of an entry (RFC 3659 section 7.5), in the order that they are told in. */
export const FACTS = ["type", "size", "modify", "perm"] as const;
export type Fact = (typeof FACTS)[number];

/** One line of a listing, without its end. */
export type LineOf = (row: DirectoryRow) => string;

/**
 * A directory's lines, in pieces made as they are sent. Gives `true` when every name was told, `false` when there were
 * more than one listing has: whoever mirrors by listings must not take the rest for deleted.
 */
export function* listingPieces(directory: FoundDirectory, line: LineOf): Generator<string, boolean> {
  let piece = "";
  let rows = 0;
  for (const row of directory.rows()) {
    if (rows === MOST_LISTED) {
      yield piece;
      return false;
    }
    rows += 1;
    piece += `${line(row)}\r\n`;
    if (piece.length > PIECE) {
      yield piece;
      piece = "";
    }
  }
  yield piece;
  return true;
}

/**
 * As `ls -l` writes it, which is what every client parses (RFC 959 leaves it open). Times are UTC; a directory has
 * none, and shows a fixed one.
 */
export function longLine(now: Instant): LineOf {
  return ({ name, file }) => {
    const mode = file === null ? "dr-xr-xr-x" : "-r--r--r--";
    const size = String(file?.size ?? 0).padStart(12);
    return `${mode}   1 ftp      ftp  ${size} ${shortDate(file?.lastModified ?? 0, now)} ${name}`;
  };
}

function shortDate(at: Instant, now: Instant): string {
  const date = new Date(at);
  const day = `${MONTHS[date.getUTCMonth()] ?? ""} ${String(date.getUTCDate()).padStart(2)}`;
  if (at > now + DAY || now - at > RECENT) return `${day}  ${date.getUTCFullYear()}`;
  return `${day} ${date.toISOString().slice(11, 16)}`;
}

/** Names that can be sent back as they are (RFC 1123 section 4.1.2.7): behind the folder as the client named it. */
export function nameLine(folder: string): LineOf {
  const before = folder === "" || folder.endsWith("/") ? folder : `${folder}/`;
  return ({ name }) => before + name;
}

/** RFC 3659 section 7.2: facts, a blank, the name. */
export function factsLine(facts: ReadonlySet<Fact>): LineOf {
  return (row) => `${factsOf(row, facts)} ${row.name}`;
}

function factsOf({ file }: DirectoryRow, facts: ReadonlySet<Fact>): string {
  // perm (section 7.5.5): a file can be read, a directory entered and listed; nobody can change either.
  const all: Readonly<Record<Fact, string | null>> = {
    type: file === null ? "dir" : "file",
    size: file === null ? null : String(file.size),
    modify: file === null ? null : timeVal(file.lastModified),
    perm: file === null ? "el" : "r",
  };
  return FACTS.flatMap((fact) => (facts.has(fact) && all[fact] !== null ? [`${fact}=${all[fact]};`] : [])).join("");
}

/** RFC 3659 section 2.3: YYYYMMDDHHMMSS, in UTC. */
export function timeVal(at: Instant): string {
  return new Date(at).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
}
