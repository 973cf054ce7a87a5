import type { Command } from "commander";
import { EXIT, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { laterChannel } from "../later-channel.ts";
import { teach } from "../lesson.ts";
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
  readonly preview?: boolean;
  readonly yes?: boolean;
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
          const channel = options.to ?? (await laterChannel(context));
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
      .option("--preview", "say where it would lead and who would follow, and do nothing")
      .option("--yes", "do not ask on a terminal")
      .action((source: string, options: RollbackOptions) => perform((context) => rollBack(context, source, options))),
    {
      examples: [
        ["ringfort rollback clamav --channel production --preview", "who would follow, and who would not?"],
        ["ringfort rollback clamav --channel production", "back to what it showed before"],
        [
          'ringfort rollback clamav --channel production --revision 5 --reason "false positives"',
          "back to one particular revision",
        ],
      ],
      exits: [
        [EXIT.done, "the channel was moved back, or the preview was shown, or the answer was no"],
        [EXIT.refused, "refused: there is nothing to go back to, or it is gone"],
      ],
    },
  );
}

/**
 * A server that goes back does not take every client back: on a terminal a person sees who follows before saying yes. A
 * script has said yes by asking.
 */
async function rollBack(context: CommandContext, source: string, options: RollbackOptions): Promise<Outcome | Refusal> {
  const revision = options.revision === undefined ? null : revisionNumber(options.revision);
  const wish = { source, channel: options.channel, revision };
  const { surroundings, terminal } = context;
  const byHand = surroundings.inIsTerminal && terminal.errIsTerminal && context.options.json !== true;
  if (options.preview === true || (byHand && options.yes !== true)) {
    const step = await context.ask({ verb: "rollback-preview", ...wish });
    if (isRefusal(step)) return step;
    const text = `${source}: ${step.channel} would go from revision ${step.from ?? "none"} to revision ${step.to}\n${clients(step.recovery)}`;
    if (options.preview === true) return { json: step, text, exit: EXIT.done };
    terminal.err(text);
    if (!(await surroundings.confirm("go back? [y/N] ")))
      return { json: step, text: "nothing was done\n", exit: EXIT.done };
  }
  const answer = await context.ask({ verb: "rollback", ...wish, reason: options.reason ?? "", by: context.by });
  if (isRefusal(answer)) return answer;
  return { json: answer, text: `${moved(answer)}${clients(answer.recovery)}`, exit: EXIT.done };
}

function clients(recovery: readonly string[]): string {
  return recovery.length === 0
    ? ""
    : `clients:\n${recovery.map((line) => `  ${quoteOutside(line, 1_000)}\n`).join("")}`;
}

function moved({ move, url }: Results["promote"]): string {
  const from = move.from === null ? "" : ` from revision ${move.from}`;
  const place = url === null ? "" : ` at ${quoteOutside(url, 300)}`;
  return `${move.source}: ${move.channel} moved${from} to revision ${move.to}${place}\n`;
}
