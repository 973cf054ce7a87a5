import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { positionTable } from "../position-table.ts";
import { revisionRef } from "../revision-ref.ts";
import { purgedTable, revisionTable } from "../revision-table.ts";
import { type Cell, table } from "../table.ts";

/** Looking: channels, revisions, differences. */
export function addChannelCommands(program: Command, perform: Perform): void {
  teach(
    program
      .command("channels [source]")
      .description("Which revision each channel shows, where clients find it, and how far it lags behind.")
      .action((source: string | undefined) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "channels", source: source ?? null });
          if (isRefusal(answer)) return answer;
          return { json: answer, text: positionTable(answer.positions, context), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort channels", "all sources"],
        ["ringfort channels clamav", "one source"],
      ],
    },
  );
  teach(
    program
      .command("revisions <source>")
      .description("The revisions that are held of a source, newest first, and those that a collection has removed.")
      .action((source: string) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "revisions", source });
          if (isRefusal(answer)) return answer;
          const none = `no revision yet; next: ringfort sync ${source}\n`;
          const held = answer.revisions.length === 0 ? none : revisionTable(answer.revisions, context);
          const text = answer.purged.length === 0 ? held : `${held}\n${purgedTable(answer.purged, context)}`;
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort revisions clamav", "show them"]] },
  );
  teach(
    program
      .command("diff <source> <from> <to>")
      .description("What differs between two revisions, each given by its number or by a channel that shows it.")
      .action((source: string, from: string, to: string) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "diff", source, from: revisionRef(from), to: revisionRef(to) });
          return isRefusal(answer) ? answer : { json: answer, text: difference(answer, context), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort diff clamav production staging", "what a promotion would bring"],
        ["ringfort diff clamav 5 7", "between two revisions"],
      ],
    },
  );
}

function difference(diff: Results["diff"], { paint }: CommandContext): string {
  const head = `${diff.source}: revision ${diff.from} to ${diff.to}: ${diff.added.length} added, ${diff.changed.length} changed, ${diff.removed.length} removed\n`;
  const rows: (readonly [path: string, row: readonly Cell[]])[] = [
    ...diff.added.map(
      ({ path, size }) => [path, [{ text: "added", tone: "good" }, path, null, formatSize(size)]] as const,
    ),
    ...diff.changed.map(
      ({ path, sizeBefore, size }) => [path, ["changed", path, formatSize(sizeBefore), formatSize(size)]] as const,
    ),
    ...diff.removed.map(
      ({ path, size }) => [path, [{ text: "removed", tone: "bad" }, path, formatSize(size), null]] as const,
    ),
  ];
  const byPath = rows.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
  const files = byPath.length === 0 ? "" : `\n${table(["CHANGE", "PATH", "BEFORE", "AFTER"], byPath, paint)}`;
  const moved = diff.series.filter(({ before, after }) => before !== after);
  const series =
    moved.length === 0
      ? ""
      : `\n${table(
          ["VERSION OF", "BEFORE", "AFTER"],
          moved.map(({ name, before, after }) => [name, before, after]),
          paint,
        )}`;
  return head + files + series + diff.content.map((each) => meaning(each, paint)).join("");
}

const UNITS = { clamav: "signatures", suricata: "rules", debian: "packages" } as const;
/** Things that are listed for a person; --json has more. */
const MOST_LISTED = 40;

/** What the change of one file means. */
function meaning(each: Results["diff"]["content"][number], paint: CommandContext["paint"]): string {
  const unit = UNITS[each.kind];
  const counted =
    each.kind === "clamav" ? "" : `: ${each.added} added, ${each.changed} changed, ${each.removed} removed`;
  const head = `\n${quoteOutside(each.path, 300)}, ${unit}${counted}\n`;
  const groups = table(
    [unit.toUpperCase(), "BEFORE", "AFTER", "MORE"],
    each.groups.map(({ name, before, after }) => [name, before, after, after - before]),
    paint,
  );
  const rows = each.items.slice(0, MOST_LISTED).map(({ change, name, before, after }) => [change, name, before, after]);
  const items = rows.length === 0 ? "" : `\n${table(["CHANGE", "NAME", "BEFORE", "AFTER"], rows, paint)}`;
  const rest = each.added + each.changed + each.removed - rows.length;
  const more = rest > 0 ? `and ${rest} more; --json lists up to 1,000\n` : "";
  const fault = each.fault === null ? "" : `not read whole: ${quoteOutside(each.fault, 300)}\n`;
  return head + groups + items + more + fault;
}
