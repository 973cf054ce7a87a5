import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { formatDuration } from "../../core/kernel/instant.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { outcome } from "../source-table.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

interface LogOptions {
  readonly runs?: boolean;
  readonly moves?: boolean;
  readonly events?: boolean;
  readonly source?: string;
  readonly limit: string;
}

export function addLogCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("log")
      .description("What has happened, newest first: runs of sources, moves of channels, or events.")
      .option("--runs", "runs of sources (the default)")
      .option("--moves", "promotions and rollbacks, with who and why")
      .option("--events", "events, as in the event log")
      .option("--source <name>", "of one source only")
      .option("--limit <count>", "at most so many, 1 to 10000", "20")
      .action((options: LogOptions) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "log",
            what: what(options),
            source: options.source ?? null,
            limit: limit(options.limit),
          });
          return isRefusal(answer)
            ? answer
            : { json: answer, text: logText(what(options), answer, context), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort log --source clamav", "the last runs of one source"],
        ["ringfort log --moves --limit 100", "who moved which channel, and why"],
      ],
    },
  );
}

type What = "runs" | "moves" | "events";

function what(options: LogOptions): What {
  const asked = (["runs", "moves", "events"] as const).filter((one) => options[one] === true);
  if (asked.length > 1) throw new UsageError("--runs, --moves and --events exclude each other");
  return asked[0] ?? "runs";
}

function limit(written: string): number {
  const count = /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (count < 1 || count > 10_000) throw new UsageError(`--limit is 1 to 10000, not "${written}"`);
  return count;
}

function logText(asked: What, log: Results["log"], context: CommandContext): string {
  if (log[asked].length === 0) return `no ${asked} yet\n`;
  if (asked === "runs") return runTable(log.runs, context);
  return asked === "moves" ? moveTable(log.moves, context) : eventTable(log.events, context);
}

function runTable(runs: Results["log"]["runs"], { paint, terminal }: CommandContext): string {
  return table(
    ["STARTED", "TOOK", "SOURCE", "OUTCOME", "REVISION", "OVER THE LINE", "BY", "DETAIL"],
    runs.map((run) => [
      timeAndDistance(run.startedAt, terminal),
      formatDuration(run.endedAt - run.startedAt),
      run.source,
      outcome(run),
      run.revision,
      formatSize(run.bytes),
      run.by,
      run.detail,
    ]),
    paint,
  );
}

function moveTable(moves: Results["log"]["moves"], { paint, terminal }: CommandContext): string {
  const headings = ["AT", "SOURCE", "CHANNEL", "MOVE", "FROM", "TO", "BY", "REASON"];
  const rows = moves.map(({ at, source, channel, kind, from, to, by, reason }) => [
    timeAndDistance(at, terminal),
    source,
    channel,
    kind,
    from,
    to,
    by,
    reason,
  ]);
  return table(headings, rows, paint);
}

function eventTable(events: Results["log"]["events"], { paint, terminal }: CommandContext): string {
  const rows = events.map(({ at, name, fields }) => {
    const pairs = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
    return [timeAndDistance(at, terminal), name, pairs.join(" ")];
  });
  return table(["AT", "EVENT", "FIELDS"], rows, paint);
}
