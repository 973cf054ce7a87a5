import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { commandIn, type FilmOptions, makeFilm, uniteFiles } from "../observe/film.ts";
import { showProfile } from "../observe/profile.ts";
import { type Named, showDifferences, showLook, showPorts } from "../observe/show.ts";
import { type TryOptions, tryProfile } from "../observe/try.ts";

interface ObserveOptions extends Named, FilmOptions, TryOptions {
  readonly ports?: boolean;
  readonly diff?: readonly string[];
  readonly filmIn?: readonly string[];
}

/** What processes hold and do: ours, or any other. */
export function addObserveCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("observe [what...]")
      .description(
        "What processes hold and do: user, rights, files, libraries, sockets; of Ringfort, or of any program.",
      )
      .option("--pid <number...>", "the process of this number")
      .option("--unit <name...>", "the processes of a systemd unit")
      .option("--program <name...>", "processes by their name or their program's path")
      .option("--ports", "who listens on which port of this machine")
      .option("--diff <files...>", "compare two saved looks: before, after")
      .option("--film [duration]", "record what is opened, run and connected, for so long or until it ends")
      .option("--poll <interval>", "film by looking again and again, where it shall not be traced")
      .option("--film-in <film...>", "unite films into one")
      .option("--profile <film...>", "make the unit, the mount list and the port list that films need")
      .option("--as <user>", "of a profile: begin as this user; dynamic: as one of its own")
      .option("--peers <network...>", "of a profile: the only networks that it may speak to")
      .option("--drop-in", "of a profile: the restrictions alone, to put beside a unit")
      .option("--try [duration]", "run the command behind -- under the profile, and tell what was refused")
      .option("--output <file>", "where the film or the unit is written")
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
        [
          "sudo ringfort observe --film 10m --unit nginx --output nginx.film",
          "film a service while its clients use it",
        ],
        [
          "sudo ringfort observe --film --output vendor.film -- /opt/vendor/bin/updated -f",
          "start a program under observation",
        ],
        [
          "ringfort observe --profile a.film b.film --as www-data --output nginx.service",
          "the least that it needs, as a unit",
        ],
        ["sudo ringfort observe --profile a.film --try 1m -- /usr/sbin/nginx", "run it so, while its clients use it"],
      ],
      notes:
        "What may not be looked at is UNKNOWN, with the reason. Of variables only the names are told. It changes nothing. " +
        "What is named are roles (keeper, fetch, inspect, serve, console, sign, notify, login) or, for --film and --profile, a " +
        "command behind --. A film is made by strace where that is there and may trace, else by looking again and again: what is " +
        "shorter than the interval is then missed. docs/observe.md has the method.",
      exits: [
        [EXIT.done, "seen"],
        [EXIT.failure, "no such process"],
        [EXIT.refused, "--diff: something differs, or was not seen in one of them; --try: something was refused"],
      ],
    },
  );
}

async function observe(what: readonly string[], options: ObserveOptions, context: CommandContext): Promise<Outcome> {
  if (options.diff !== undefined) return showDifferences(options.diff, context);
  if (options.ports === true) return showPorts(context);
  if (options.film !== undefined) return makeFilm(what, options, context);
  if (options.filmIn !== undefined) return uniteFiles(options.filmIn, options.output, context);
  if (options.try !== undefined) return tryProfile(commandIn(what), options, context);
  if (options.profile !== undefined) return showProfile(commandIn(what), options, context);
  return showLook(what, options, context);
}
