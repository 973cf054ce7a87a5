import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { type Named, showDifferences, showLook, showPorts } from "../observe/show.ts";

interface ObserveOptions extends Named {
  readonly ports?: boolean;
  readonly diff?: readonly string[];
}

/** What processes hold and do: ours, or any other. */
export function addObserveCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("observe [role...]")
      .description(
        "What processes hold and do: user, rights, files, libraries, sockets; of Ringfort, or of any program.",
      )
      .option("--pid <number...>", "the process of this number")
      .option("--unit <name...>", "the processes of a systemd unit")
      .option("--program <name...>", "processes by their name or their program's path")
      .option("--ports", "who listens on which port of this machine")
      .option("--diff <files...>", "compare two saved looks: before, after")
      .action((roles: readonly string[], options: ObserveOptions) =>
        perform((context) => observe(roles, options, context)),
      ),
    {
      examples: [
        ["sudo ringfort observe", "every process of Ringfort, and what each may do"],
        ["sudo ringfort observe serve --json > before.json", "keep a look, to compare it with a later one"],
        ["ringfort observe --diff before.json after.json", "what a change has brought"],
        ["sudo ringfort observe --program nginx", "somebody else's program"],
        ["sudo ringfort observe --ports", "who listens where"],
      ],
      notes:
        "What may not be looked at is UNKNOWN, with the reason. Of variables only the names are told. It changes nothing. " +
        "Roles: keeper, fetch, inspect, serve, console, sign, notify, login.",
      exits: [
        [EXIT.done, "seen"],
        [EXIT.failure, "no such process"],
        [EXIT.refused, "--diff: something differs, or was not seen in one of them"],
      ],
    },
  );
}

async function observe(roles: readonly string[], options: ObserveOptions, context: CommandContext): Promise<Outcome> {
  if (options.diff !== undefined) return showDifferences(options.diff, context);
  if (options.ports === true) return showPorts(context);
  return showLook(roles, options, context);
}
