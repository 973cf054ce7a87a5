import type { Command } from "commander";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import { type Duration, parseDuration } from "../../core/kernel/instant.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { roleOption, rolesFrom } from "../role-options.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

interface MakeOptions {
  readonly label: string;
  readonly role?: readonly string[];
  readonly expires?: string;
}

/** Keys for programs. */
export function addTokenCommands(program: Command, perform: Perform): void {
  const token = program.command("token").description("Tokens, with which programs use the API as somebody.");
  teach(
    token
      .command("list")
      .description("The tokens that there are; never the tokens themselves.")
      .option("--user <name>", "of one person only")
      .action(({ user }: { readonly user?: string }) => perform((context) => listed(context, user ?? null))),
    { examples: [["ringfort token list", "which ones has nobody used for months?"]] },
  );
  teach(
    token
      .command("make <name>")
      .description("Make a token that acts as somebody. It is shown this once.")
      .requiredOption("--label <text>", "what it is for")
      .addOption(roleOption("no more than this; without it all that the person may"))
      .option("--expires <time>", "after so long it is not good any more: 90d, 12h", "90d")
      .action((name: string, options: MakeOptions) => perform((context) => made(context, name, options))),
    {
      examples: [['ringfort token make robot --label "nightly report" --role viewer', "for a script that looks on"]],
      notes: "Show it as `Authorization: Bearer TOKEN`. `--expires never` makes one that is good until it is revoked.",
    },
  );
  teach(
    token
      .command("revoke <id>")
      .description("From now on the token is not good.")
      .action((id: string) => perform((context) => revoked(context, id))),
    { examples: [["ringfort token revoke 0123456789abcdef", "it may have been seen"]] },
  );
}

async function listed(context: CommandContext, person: string | null): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "tokens", person });
  if (isRefusal(answer)) return answer;
  const { terminal } = context;
  const when = (at: number | null, none: string): string => (at === null ? none : timeAndDistance(at, terminal));
  const rows = answer.tokens.map(({ id, person: of, label, roles, expiresAt, lastUsedAt }) => [
    id,
    of,
    label,
    roles === null ? "all of theirs" : roles.join(", "),
    expiresAt !== null && expiresAt <= terminal.now()
      ? ({ text: "expired", tone: "bad" } as const)
      : when(expiresAt, "never"),
    when(lastUsedAt, "never"),
  ]);
  const text =
    rows.length === 0
      ? "there is no token\n"
      : table(["ID", "OF", "FOR", "ROLES", "EXPIRES", "LAST USED"], rows, context.paint);
  return { json: answer, text, exit: EXIT.done };
}

async function made(context: CommandContext, person: string, options: MakeOptions): Promise<Outcome | Refusal> {
  const { label, role, expires = "90d" } = options;
  const answer = await context.ask({
    verb: "token-make",
    person,
    label,
    roles: rolesFrom(role),
    expiresIn: expires === "never" ? null : lifetime(expires),
    by: context.by,
  });
  if (isRefusal(answer)) return answer;
  return { json: answer, text: `${answer.text}\n`, exit: EXIT.done };
}

function lifetime(written: string): Duration {
  const duration = parseDuration(written);
  if (duration === null || duration <= 0)
    throw new UsageError(`--expires is a time like 90d or 12h, or never, not "${written}"`);
  return duration;
}

async function revoked(context: CommandContext, id: string): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "token-revoke", id, by: context.by });
  return isRefusal(answer) ? answer : { json: answer, text: `${answer.id} is revoked\n`, exit: EXIT.done };
}
