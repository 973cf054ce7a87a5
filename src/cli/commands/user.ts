import type { Command } from "commander";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { roleOption, rolesFrom } from "../role-options.ts";
import { table } from "../table.ts";

interface UserOptions {
  readonly role?: readonly string[];
  readonly disable?: boolean;
  readonly enable?: boolean;
}

const ROLES_NOTE =
  "viewer looks; operator syncs, promotes, holds and goes back; approver signs off; admin says what is trusted and who may what. " +
  "An admin signs nothing off without being an approver too.";

/** Who may come over the network. */
export function addUserCommands(program: Command, perform: Perform): void {
  const user = program
    .command("user")
    .description(
      "People who may use the API, and what each may. On this machine whoever may open the control socket may all.",
    );
  teach(
    user
      .command("list")
      .description("Who is known.")
      .action(() => perform(listed)),
    { examples: [["ringfort user list", "who may what"]] },
  );
  teach(
    user
      .command("add <name>")
      .description("Make somebody known. They log in once they have a password or a token.")
      .addOption(roleOption("what they may").makeOptionMandatory())
      .action((name: string, options: UserOptions) => perform((context) => set(context, name, true, options))),
    {
      examples: [
        ["ringfort user add anna --role operator approver", "she promotes, and signs off what others propose"],
        ["ringfort user add robot --role viewer", "an account for tokens"],
      ],
      notes: ROLES_NOTE,
    },
  );
  teach(
    user
      .command("set <name>")
      .description("Change what somebody may. What is not named stays.")
      .addOption(roleOption("all that they may from now on"))
      .option("--disable", "they may not log in, and no token of theirs is good")
      .option("--enable", "they may again")
      .action((name: string, options: UserOptions) => perform((context) => set(context, name, false, options))),
    {
      examples: [
        ["ringfort user set anna --disable", "she has left; the record goes on speaking of her"],
        ["ringfort user set ben --role viewer", "he looks on from now on"],
      ],
      notes: ROLES_NOTE,
    },
  );
  teach(
    user
      .command("password <name>")
      .description("Give somebody a password, read from the standard input or asked for on a terminal.")
      .option("--remove", "take the password away: they come by token alone")
      .action((name: string, { remove }: { readonly remove?: boolean }) =>
        perform((context) => password(context, name, remove === true)),
      ),
    {
      examples: [
        ["ringfort user password anna", "asked for twice, and not shown"],
        ["ringfort user password anna < secret.txt", "its first line"],
      ],
    },
  );
  teach(
    user
      .command("link <name>")
      .description(
        "Tie somebody who is known here to the OpenID issuer's own name for them: from then on they log in there alone, and their groups say what they may.",
      )
      .requiredOption("--subject <subject>", "the issuer's subject for them (the claim sub)")
      .action((name: string, { subject }: { readonly subject: string }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "person-link", person: name, subject, by: context.by });
          if (isRefusal(answer)) return answer;
          const text = `${answer.person.name} logs in through ${answer.person.identity?.issuer ?? "an issuer"} now\n`;
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort user link anna --subject 248289761001", "she is one person, whichever way she came so far"],
      ],
      notes: "Her password is taken away: one human is one person here, and two-person rules count persons.",
    },
  );
}

async function listed(context: CommandContext): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "people" });
  if (isRefusal(answer)) return answer;
  const rows = answer.people.map(({ name, roles, disabled, hasPassword, identity }) => [
    name,
    roles.join(", ") || null,
    disabled ? ({ text: "disabled", tone: "bad" } as const) : ({ text: "may log in", tone: "good" } as const),
    identity === null ? (hasPassword ? "password" : null) : `${identity.issuer} ${identity.subject}`,
  ]);
  const text =
    rows.length === 0
      ? "nobody is known yet: ringfort user add NAME --role ROLE\n"
      : table(["NAME", "ROLES", "STATE", "LOGS IN BY"], rows, context.paint);
  return { json: answer, text, exit: EXIT.done };
}

async function set(
  context: CommandContext,
  name: string,
  fresh: boolean,
  { role, disable, enable }: UserOptions,
): Promise<Outcome | Refusal> {
  if (disable === true && enable === true) throw new UsageError("--disable and --enable exclude each other");
  const answer = await context.ask({
    verb: "person-set",
    person: name,
    fresh,
    roles: rolesFrom(role),
    disabled: disable === true ? true : enable === true ? false : null,
    by: context.by,
  });
  return isRefusal(answer) ? answer : { json: answer, text: saidOf(answer, fresh), exit: EXIT.done };
}

function saidOf({ person }: Results["person-set"], fresh: boolean): string {
  const state = person.disabled ? "may not log in" : person.roles.join(", ") || "may nothing";
  const way = person.hasPassword ? "" : `next: ringfort user password ${person.name}\n`;
  return `${person.name} ${fresh ? "is known now" : "is changed"}: ${state}\n${way}`;
}

async function password(context: CommandContext, name: string, remove: boolean): Promise<Outcome | Refusal> {
  const given = remove ? null : await twice(context, name);
  const answer = await context.ask({ verb: "person-password", person: name, password: given, by: context.by });
  if (isRefusal(answer)) return answer;
  const text = remove ? `${name} has no password any more\n` : `${name} has a new password\n`;
  return { json: answer, text, exit: EXIT.done };
}

/** A terminal shows nothing of it: a slip of the finger would lock somebody out. */
async function twice({ surroundings, terminal }: CommandContext, name: string): Promise<string> {
  const first = await surroundings.readSecret(`password for ${name}: `);
  if (first === null || first === "") throw new UsageError("a password is missing");
  if (terminal.errIsTerminal && surroundings.inIsTerminal) {
    if ((await surroundings.readSecret("once more: ")) !== first) throw new UsageError("the two are not the same");
  }
  return first;
}
