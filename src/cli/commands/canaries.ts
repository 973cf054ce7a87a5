import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { formatDuration } from "../../core/kernel/instant.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { revisionNumber } from "../revision-ref.ts";
import { facts, table } from "../table.ts";
import { distance, timeAndDistance } from "../time-text.ts";

interface CanariesOptions {
  readonly ring?: string;
  readonly revision?: string;
}

/** Canaries that a person is shown; the rest is in --json. */
const MOST_SHOWN = 200;

export function addCanariesCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("canaries <source>")
      .description("Who fetched a revision in a ring, how each comes back, and who has fallen silent since.")
      .option("--ring <channel>", "the ring (else the first)")
      .option("--revision <number>", "the revision (else the one that the ring shows)")
      .action((source: string, options: CanariesOptions) =>
        perform(async (context) => {
          const revision = options.revision === undefined ? null : revisionNumber(options.revision);
          const answer = await context.ask({ verb: "canaries", source, ring: options.ring ?? null, revision });
          if (isRefusal(answer)) return answer;
          return { json: answer, text: shown(answer, context), exit: EXITS[answer.verdict] };
        }),
      ),
    {
      examples: [
        ["ringfort canaries clamav", "may what staging shows go on?"],
        ["ringfort canaries clamav --ring pilot --revision 7 --json", "for a program"],
      ],
      exits: [
        [EXIT.done, "healthy"],
        [EXIT.refused, "suspect"],
        [EXIT.later, "unproven: it clears as canaries come back"],
      ],
    },
  );
}

const EXITS = { healthy: EXIT.done, unproven: EXIT.later, suspect: EXIT.refused } as const;
const TONES = { healthy: "good", unproven: "plain", suspect: "bad" } as const;
const STATES = { silent: "bad", unwell: "bad", proven: "good" } as const;

function shown(answer: Results["canaries"], { paint, terminal }: CommandContext): string {
  const { source, ring, revision, verdict, since, sureness, reasons, tally, offeredAt } = answer;
  const sure = sureness === null ? "" : `, ${Math.floor(sureness * 1_000) / 10} % sure`;
  const head = `${source}: revision ${revision} in ${ring} is ${verdict}${answer.askedFor ? "" : " (by the defaults: no policy asks for it)"}\n`;
  const lines = facts(
    [
      ["verdict", { text: `${verdict}${sure}`, tone: TONES[verdict] }],
      ["offered", timeAndDistance(offeredAt, terminal)],
      ["suspect since", timeAndDistance(since, terminal)],
      ["canaries", `${tally.known} known, ${tally.fetched} fetched it, ${tally.proven} proven, ${tally.silent} silent`],
      ["newcomers", `${tally.newcomers} without a rhythm yet; they count for nothing`],
      ...reasons.map(({ code, detail }): [string, string] => [code, detail]),
    ],
    paint,
  );
  const rows = answer.canaries
    .slice(0, MOST_SHOWN)
    .map(({ client, state, fetchedAt, returns, lastSeen, step, silentFrom }) => [
      client,
      { text: state, tone: (STATES as Readonly<Record<string, "bad" | "good">>)[state] ?? "plain" } as const,
      fetchedAt === null ? null : distance(fetchedAt, terminal.now()),
      returns,
      distance(lastSeen, terminal.now()),
      step === null ? null : formatDuration(step),
      silentFrom === null ? null : distance(silentFrom, terminal.now()),
    ]);
  if (rows.length === 0) return `${head}\n${lines}`;
  const headings = ["CLIENT", "STATE", "FETCHED", "RETURNS", "LAST SEEN", "COMES EVERY", "SILENT"];
  const rest = answer.canaries.length - rows.length;
  return `${head}\n${lines}\n${table(headings, rows, paint)}${rest > 0 ? `and ${rest} more: --json\n` : ""}`;
}
