import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { revisionNumber } from "../revision-ref.ts";

interface PromoteOptions {
  readonly to?: string;
  readonly revision?: string;
  readonly reason?: string;
}

interface RollbackOptions {
  readonly channel: string;
  readonly revision?: string;
  readonly reason?: string;
}

/** Moving channels: forward and back. */
export function addReleaseCommands(program: Command, perform: Perform): void {
  teach(
    program
      .command("promote <source>")
      .description("Move a channel forward to a revision that the channel before it shows or has shown.")
      .option("--to <channel>", "the channel to move (else the one after the first: production)")
      .option("--revision <number>", "the revision (else the one that the channel before it shows)")
      .option("--reason <text>", "why, for the record")
      .action((source: string, options: PromoteOptions) =>
        perform(async (context) => {
          const revision = options.revision === undefined ? null : revisionNumber(options.revision);
          const channel = options.to ?? (await secondChannel(context));
          const answer = await context.ask({
            verb: "promote",
            source,
            channel,
            revision,
            reason: options.reason ?? "",
            by: context.by,
          });
          return isRefusal(answer) ? answer : { json: answer, text: moved(answer), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort diff clamav production staging", "look first"],
        ['ringfort promote clamav --reason "tested on ring 1"', "release what staging shows to production"],
        ["ringfort promote clamav --to production --revision 7", "release one particular revision"],
      ],
      exits: [
        [EXIT.done, "the channel was moved"],
        [EXIT.refused, "refused: the channel stands where it stood"],
        [EXIT.waiting, "the promotion waits for a sign-off"],
      ],
    },
  );
  teach(
    program
      .command("rollback <source>")
      .description("Move a channel back to a revision that it has shown before.")
      .requiredOption("--channel <channel>", "the channel to move")
      .option("--revision <number>", "the revision (else the one that it showed before this one)")
      .option("--reason <text>", "why, for the record")
      .action((source: string, options: RollbackOptions) =>
        perform(async (context) => {
          const revision = options.revision === undefined ? null : revisionNumber(options.revision);
          const answer = await context.ask({
            verb: "rollback",
            source,
            channel: options.channel,
            revision,
            reason: options.reason ?? "",
            by: context.by,
          });
          if (isRefusal(answer)) return answer;
          const recovery = answer.recovery.map((line) => `  ${quoteOutside(line, 1_000)}\n`).join("");
          return {
            json: answer,
            text: `${moved(answer)}${recovery === "" ? "" : `clients:\n${recovery}`}`,
            exit: EXIT.done,
          };
        }),
      ),
    {
      examples: [
        ["ringfort rollback clamav --channel production", "back to what it showed before"],
        [
          'ringfort rollback clamav --channel production --revision 5 --reason "false positives"',
          "back to one particular revision",
        ],
      ],
      exits: [
        [EXIT.done, "the channel was moved back"],
        [EXIT.refused, "refused: there is nothing to go back to, or it is gone"],
      ],
    },
  );
}

async function secondChannel(context: CommandContext): Promise<string> {
  const { config } = await context.loadConfig();
  const second = Object.keys(config.channels)[1];
  if (second === undefined) throw new UsageError("the configuration has one channel only; name the channel with --to");
  return second;
}

function moved({ move, url }: Results["promote"]): string {
  const from = move.from === null ? "" : ` from revision ${move.from}`;
  const place = url === null ? "" : ` at ${quoteOutside(url, 300)}`;
  return `${move.source}: ${move.channel} moved${from} to revision ${move.to}${place}\n`;
}
