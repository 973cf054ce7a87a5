import type { Film } from "../../core/observed/film.ts";
import { type Cell, table } from "../table.ts";
import type { Paint } from "../terminal.ts";

/** Rows of one kind that are shown; the film has all. */
const MOST_ROWS = 40;
const QUIET = ["read", "look"];

type Line = Film["acts"][number];

/** What a film shows, in short: counts of each kind, and the acts that matter one by one. */
export function filmSummary({ acts, heads, left, unread, broken }: Film, paint: Paint): string {
  const kinds = [...new Set(acts.map(({ did }) => did.act))];
  const counts = kinds.map((kind) => {
    const those = acts.filter(({ did }) => did.act === kind);
    const failed = those.filter((each) => each.failed !== null).length;
    return [kind, those.length, failed, those.reduce((sum, { times }) => sum + times, 0)];
  });
  const loud = acts.filter(({ did, failed }) => failed === null && !QUIET.includes(did.act));
  const refused = acts.filter(({ failed }) => failed === "EACCES" || failed === "EPERM" || failed === "EROFS");
  const lost = [
    ...(left > 0 ? [`${left} acts had no place in it`] : []),
    ...(unread > 0 ? [`${unread} lines of the trace could not be read`] : []),
    ...(broken > 0 ? [`${broken} recordings were broken off`] : []),
  ];
  const programs = new Set(acts.map(({ by }) => by.program)).size;
  return (
    table(["ACT", "DIFFERENT", "FAILED", "TIMES"], counts, paint) +
    rowsText("\n", loud, paint) +
    rowsText("\nrefused:\n", refused, paint) +
    `\n${acts.length} acts of ${programs} programs in ${heads.length} ${heads.length === 1 ? "film" : "films"}\n` +
    lost.map((each) => `${paint(each, "bad")}\n`).join("")
  );
}

function rowsText(head: string, lines: readonly Line[], paint: Paint): string {
  if (lines.length === 0) return "";
  const shown = lines.slice(0, MOST_ROWS);
  const rows = shown.map(({ by, did, failed, times }): readonly Cell[] => [
    did.act,
    actText(did),
    times,
    by.uid,
    by.program,
    failed,
  ]);
  const more = lines.length > shown.length ? `and ${lines.length - shown.length} more: --json lists all\n` : "";
  return `${head}${table(["ACT", "WHAT", "TIMES", "UID", "PROGRAM", "ERROR"], rows, paint)}${more}`;
}

export function actText(did: Line["did"]): string {
  if ("path" in did) return did.path;
  if (!("address" in did)) return `${did.name} ${did.with}`.trim();
  return did.port === null ? did.address : `${did.protocol} ${did.address} port ${did.port}`;
}
