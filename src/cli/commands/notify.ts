import type { Command } from "commander";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

/** Who is told of events. */
export function addNotifyCommands(program: Command, perform: Perform): void {
  const notify = program
    .command("notify")
    .description("Who is told of events by mail or webhook: `notify` in the configuration (docs/notifications.md).");
  teach(
    notify
      .command("list")
      .description("The subscribers, what waits for each, and what went wrong last.")
      .action(() => perform(listed)),
    { examples: [["ringfort notify list", "is anybody not being told?"]] },
  );
  teach(
    notify
      .command("test <subscriber>")
      .description("Tell a subscriber something now, whatever the hour, and say how it went.")
      .action((subscriber: string) => perform((context) => tested(context, subscriber))),
    { examples: [["ringfort notify test ops", "after a change of the configuration"]] },
  );
}

async function listed(context: CommandContext): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "notify-list" });
  if (isRefusal(answer)) return answer;
  const rows = answer.subscribers.map(({ subscriber, waiting, lastSentAt, trouble }) => [
    subscriber,
    waiting,
    lastSentAt === null ? null : timeAndDistance(lastSentAt, context.terminal),
    trouble === null
      ? ({ text: "well", tone: "good" } as const)
      : ({ text: `${trouble.code}: ${trouble.detail}`, tone: "bad" } as const),
  ]);
  const text =
    rows.length === 0
      ? "nobody is told of anything; docs/notifications.md shows how\n"
      : table(["SUBSCRIBER", "WAITING", "LAST TOLD", "STATE"], rows, context.paint);
  return { json: answer, text, exit: EXIT.done };
}

async function tested(context: CommandContext, subscriber: string): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "notify-test", subscriber, by: context.by });
  if (isRefusal(answer)) return answer;
  return { json: answer, text: `${answer.subscriber} was told; look whether it has come\n`, exit: EXIT.done };
}
