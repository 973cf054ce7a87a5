import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { channelName, sourceName } from "../../core/model/source.ts";
import { readShutoff, type ShutoffOrder, writeShutoff } from "../../wire/shutoff-file.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { servingProcesses } from "../serving-processes.ts";
import { takersOf, takersText } from "../stopped-takers.ts";

interface Scope {
  readonly all?: boolean;
  readonly source?: string;
  readonly channel?: string;
}

/** Servers look at the file ten times a second; whoever is still there after this is hung, and is ended. */
const PATIENCE = 300;

/** Serving nothing, from the host's own console: neither command asks the daemon. */
export function addStopCommands(program: Command, perform: Perform): void {
  teach(
    program
      .command("stop")
      .description("Serve nothing, at once: everything, a channel, or a source. Works with the daemon dead or hung.")
      .option("--all", "every channel and source")
      .option("--channel <channel>", "one channel")
      .option("--source <source>", "one source, in every channel or in the one that --channel names")
      .option("--reason <text>", "why, for whoever finds it")
      .action((options: Scope & { readonly reason?: string }) =>
        perform((context) => stop(scopeOf(options), options.reason ?? "", context)),
      ),
    {
      examples: [
        ['ringfort stop --all --reason "bad update"', "nobody is served anything"],
        ["ringfort stop --source clamav --channel production", "one source in one channel"],
        ["ringfort exposure clamav 8", "afterwards: who has taken it already"],
      ],
      notes:
        "It is kept in a file of the data folder: it outlasts restarts until `ringfort resume`. Transfers under way are " +
        "cut. A channel that is stopped answers 503, a source 404. Run it as the daemon's user or root. Then it lists who took " +
        "what is shown there: from the ledger's file where no daemon runs, else from the daemon.",
    },
  );
  teach(
    program
      .command("resume")
      .description("Serve again what was stopped.")
      .option("--all", "everything that was stopped")
      .option("--channel <channel>", "the stop of this channel")
      .option("--source <source>", "the stop of this source")
      .action((options: Scope) => perform(async (context) => resume(options, context))),
    { examples: [["ringfort resume --all", "everything is served again"]] },
  );
}

function scopeOf({ all, source, channel }: Scope): Pick<ShutoffOrder, "source" | "channel"> {
  if ((all === true) === (source !== undefined || channel !== undefined))
    throw new UsageError("say --all, or name --source, --channel or both");
  if (source !== undefined && !sourceName.safeParse(source).success) throw new UsageError(`"${source}" is no source`);
  if (channel !== undefined && !channelName.safeParse(channel).success)
    throw new UsageError(`"${channel}" is no channel`);
  return { source: source ?? null, channel: channel ?? null };
}

async function viewsOf(context: CommandContext): Promise<string> {
  return path.join((await context.loadConfig()).config.data, "views");
}

async function stop(
  scope: Pick<ShutoffOrder, "source" | "channel">,
  reason: string,
  context: CommandContext,
): Promise<Outcome> {
  const { config } = await context.loadConfig();
  if (scope.channel !== null && !Object.hasOwn(config.channels, scope.channel))
    throw new UsageError(`no channel "${scope.channel}"; there are ${Object.keys(config.channels).join(", ")}`);
  const views = await viewsOf(context);
  const before = servingProcesses(views);
  const order: ShutoffOrder = { ...scope, reason, by: context.by, at: context.terminal.now() };
  const others = readShutoff(views).filter((each) => each.source !== scope.source || each.channel !== scope.channel);
  writeShutoff(views, [...others, order]);
  // One channel's server cannot be told from another's here: only a stop of everything ends what does not go by itself.
  const everything = scope.source === null && scope.channel === null;
  const [ended, taken] = await Promise.all([
    everything ? endThose(before, views, context) : [],
    takersOf(scope, context),
  ]);
  const what = scopeText(scope);
  const killed = ended.length === 0 ? "" : `ended, because they did not stop by themselves: ${ended.join(", ")}\n`;
  const text = `${what} is stopped: nothing of it is served until ringfort resume\n${killed}\n${takersText(taken, context)}`;
  return { json: { stopped: order, ended, taken }, text, exit: EXIT.done };
}

async function endThose(
  before: readonly number[],
  views: string,
  { surroundings }: CommandContext,
): Promise<readonly number[]> {
  await surroundings.pause(PATIENCE);
  const still = new Set(servingProcesses(views));
  const ended: number[] = [];
  for (const pid of before.filter((each) => still.has(each))) {
    try {
      process.kill(pid, "SIGKILL");
      ended.push(pid);
    } catch {
      // It has just gone by itself.
    }
  }
  return ended;
}

async function resume({ all, source, channel }: Scope, context: CommandContext): Promise<Outcome> {
  const scope =
    all === true
      ? null
      : scopeOf({ ...(source === undefined ? {} : { source }), ...(channel === undefined ? {} : { channel }) });
  const views = await viewsOf(context);
  const orders = readShutoff(views);
  const kept = orders.filter(
    (each) => scope !== null && (each.source !== scope.source || each.channel !== scope.channel),
  );
  writeShutoff(views, kept);
  const gone = orders.filter((each) => !kept.includes(each));
  const lines = gone.map((each) => `${scopeText(each)} is served again\n`);
  for (const each of kept) lines.push(`${scopeText(each)} stays stopped\n`);
  return { json: { resumed: gone, stopped: kept }, text: lines.join("") || "nothing was stopped\n", exit: EXIT.done };
}

function scopeText({ source, channel }: Pick<ShutoffOrder, "source" | "channel">): string {
  if (source === null && channel === null) return "everything";
  const where = channel === null ? "in every channel" : `in ${quoteOutside(channel)}`;
  return `${source === null ? "everything" : quoteOutside(source)} ${where}`;
}
