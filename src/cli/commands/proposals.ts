import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { type Duration, parseDuration } from "../../core/kernel/instant.ts";
import { demandsText } from "../../core/release/sign-offs.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { hindranceText } from "../hindrance-text.ts";
import { laterChannel } from "../later-channel.ts";
import { teach } from "../lesson.ts";
import { recordNumber } from "../record-number.ts";
import { UsageError } from "../report.ts";
import { revisionNumber } from "../revision-ref.ts";
import { table } from "../table.ts";
import { distance, localTime, timeAndDistance } from "../time-text.ts";

interface ProposeOptions {
  readonly to?: string;
  readonly revision?: string;
  readonly security?: boolean;
  readonly emergency?: boolean;
  readonly expires?: string;
  readonly yes?: boolean;
  readonly edit?: string;
  readonly reason?: string;
}

/** Promotions that wait for people or for their time. */
export function addProposalCommands(program: Command, perform: Perform): void {
  addPropose(program, perform);
  addSignOff(program, perform);
  teach(
    program
      .command("proposals [source]")
      .description("Proposals that are open, who has signed them, and who must.")
      .option("--all", "those that are over too")
      .action((source: string | undefined, { all }: { readonly all?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "proposals",
            source: source ?? null,
            all: all === true,
            limit: 200,
          });
          return isRefusal(answer) ? answer : { json: answer, text: proposalTable(answer, context), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort proposals", "what waits"],
        ["ringfort proposals clamav --all", "the history of one source"],
      ],
    },
  );
  teach(
    program
      .command("withdraw <proposal>")
      .description("Take a proposal back. It stays in the record.")
      .option("--reason <text>", "why, for the record")
      .action((id: string, { reason }: { readonly reason?: string }) =>
        perform(async (context) => {
          const request = { verb: "withdraw", id: recordNumber(id), reason: reason ?? "", by: context.by } as const;
          const answer = await context.ask(request);
          if (isRefusal(answer)) return answer;
          return { json: answer, text: `proposal ${answer.proposal.id} is withdrawn\n`, exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort withdraw 3 --reason superseded", "it will not be carried out"]] },
  );
}

function addPropose(program: Command, perform: Perform): void {
  teach(
    program
      .command("propose [source]")
      .description(
        "Propose a promotion: it is carried out as soon as everybody who must has signed and nothing else is missing.",
      )
      .option("--to <channel>", "the channel to move (else the one after the first)")
      .option("--revision <number>", "the revision (else the one that the ring before shows)")
      .option("--security", "by the ring's security lane: a shorter soak, more sign-offs")
      .option("--emergency", "ahead of soak, health and hours: with --reason, an extra sign-off and an end")
      .option(
        "--expires <time>",
        "with --emergency: over after so long if it was not signed (at most what the policy says)",
      )
      .option("--yes", "with --emergency: propose it; without, only show what would come with it")
      .option("--edit <proposal>", "change this proposal's --revision or --reason; its sign-offs are void then")
      .option("--reason <text>", "why, for those who sign and for the record")
      .action((source: string | undefined, options: ProposeOptions) =>
        perform(async (context) => {
          const answer =
            options.edit === undefined
              ? await made(source, options, context)
              : await edited(options.edit, options, context);
          return isRefusal(answer) ? answer : proposedOutcome(answer, context);
        }),
      ),
    {
      examples: [
        ['ringfort propose clamav --reason "tested on ring 1"', "ask the others to sign"],
        ['ringfort propose clamav --emergency --reason "fixes the crash of 19 July"', "show what would come along"],
        ['ringfort propose clamav --emergency --yes --reason "fixes the crash of 19 July"', "propose it"],
        ["ringfort propose --edit 3 --revision 8", "another revision; whoever signed must sign again"],
      ],
      exits: [
        [EXIT.done, "nothing was missing: the channel was moved"],
        [EXIT.refused, "no sign-off and no wait would make it possible"],
        [EXIT.waiting, "it waits: for sign-offs, or for its time"],
      ],
    },
  );
}

async function made(source: string | undefined, options: ProposeOptions, context: CommandContext) {
  const { security, emergency, reason } = options;
  if (source === undefined) throw new UsageError("which source?");
  if (security === true && emergency === true) throw new UsageError("--security and --emergency exclude each other");
  if (emergency === true && (reason ?? "").trim() === "") throw new UsageError("an emergency needs its --reason");
  if (emergency !== true && (options.expires !== undefined || options.yes === true))
    throw new UsageError("--expires and --yes go with --emergency");
  return context.ask({
    verb: "propose",
    source,
    channel: options.to ?? (await laterChannel(context)),
    revision: options.revision === undefined ? null : revisionNumber(options.revision),
    kind: emergency === true ? "emergency" : security === true ? "security" : "promotion",
    expires: options.expires === undefined ? null : length(options.expires),
    preview: emergency === true && options.yes !== true,
    reason: reason ?? "",
    by: context.by,
  });
}

function length(written: string): Duration {
  const parsed = parseDuration(written);
  if (parsed === null || parsed <= 0) throw new UsageError(`"${written}" is no length of time; write for example 2h`);
  return parsed;
}

async function edited(id: string, options: ProposeOptions, context: CommandContext) {
  if (options.revision === undefined && options.reason === undefined)
    throw new UsageError("--edit changes --revision, --reason or both");
  return context.ask({
    verb: "propose-edit",
    id: recordNumber(id),
    revision: options.revision === undefined ? null : revisionNumber(options.revision),
    reason: options.reason ?? null,
    by: context.by,
  });
}

function addSignOff(program: Command, perform: Perform): void {
  teach(
    program
      .command("sign-off <proposal>")
      .description("Look at a proposal; with --version, sign what you have seen.")
      .option("--version <number>", "sign this version of it: an edit meanwhile voids what you have seen")
      .option("--comment <text>", "for the record")
      .action((id: string, options: { readonly version?: string; readonly comment?: string }) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "sign-off",
            id: recordNumber(id),
            version: options.version === undefined ? null : recordNumber(options.version),
            comment: options.comment ?? "",
            by: context.by,
          });
          return isRefusal(answer) ? answer : proposedOutcome(answer, context);
        }),
      ),
    {
      examples: [
        ["ringfort sign-off 3", "what is proposed, what comes along, what is missing"],
        ["ringfort sign-off 3 --version 1", "your yes to it"],
      ],
      exits: [
        [EXIT.done, "the channel was moved"],
        [EXIT.refused, "you may not sign it, or it has changed"],
        [EXIT.waiting, "it still waits"],
      ],
    },
  );
}

function proposedOutcome(answer: Results["propose"], context: CommandContext): Outcome {
  const exit = answer.moved || answer.proposal.id === 0 ? EXIT.done : EXIT.waiting;
  return { json: answer, text: proposedText(answer, context), exit };
}

const KINDS = {
  promotion: "promotion",
  security: "promotion by the security lane",
  early: "promotion ahead of its soak",
  emergency: "EMERGENCY",
} as const;

function proposedText({ proposal, moved, waitsFor, rides }: Results["propose"], context: CommandContext): string {
  const { terminal } = context;
  const when = (at: number): string => `${localTime(at, terminal)} (${distance(at, terminal.now())})`;
  const name = proposal.id === 0 ? "would be" : `proposal ${proposal.id}, version ${proposal.version}`;
  const what = `${KINDS[proposal.kind]} of ${proposal.source} in ${proposal.channel} to revision ${proposal.revision}`;
  const lines = [`${name}: ${what}`];
  if (proposal.reason !== "")
    lines.push(`  reason: ${quoteOutside(proposal.reason, 1_000)} (${quoteOutside(proposal.by)})`);
  const others = rides.revisions.filter((revision) => revision !== proposal.revision);
  lines.push(
    `  comes along: ${rides.added} added, ${rides.changed} changed, ${rides.removed} removed against ${rides.from === null ? "nothing" : `revision ${rides.from}`}${others.length === 0 ? "" : `; with what revisions ${others.join(", ")} brought`}`,
  );
  for (const path of rides.paths.slice(0, 10)) lines.push(`    ${quoteOutside(path, 200)}`);
  for (const each of proposal.signOffs) lines.push(`  signed by ${quoteOutside(each.by)} ${when(each.at)}`);
  if (proposal.expiresAt !== null) lines.push(`  ends by itself ${when(proposal.expiresAt)}`);
  for (const each of waitsFor) lines.push(`  waits: ${hindranceText(each, when)}`);
  if (moved) lines.push(`${proposal.channel} was moved to revision ${proposal.revision}`);
  else if (proposal.id === 0) lines.push("nothing was done; next: the same with --yes");
  else if (proposal.state === "open")
    lines.push(`next, by somebody else: ringfort sign-off ${proposal.id} --version ${proposal.version}`);
  else lines.push(`it is ${proposal.state}`);
  return `${lines.join("\n")}\n`;
}

function proposalTable({ proposals }: Results["proposals"], { paint, terminal }: CommandContext): string {
  if (proposals.length === 0) return "no proposal is open\n";
  return table(
    ["ID", "VERSION", "STATE", "KIND", "SOURCE", "CHANNEL", "REVISION", "BY", "AT", "MUST SIGN", "SIGNED", "REASON"],
    proposals.map((one) => [
      one.id,
      one.version,
      one.state,
      one.kind === "emergency" ? { text: one.kind, tone: "bad" } : one.kind,
      one.source,
      one.channel,
      one.revision,
      one.by,
      timeAndDistance(one.at, terminal),
      demandsText(one.demands) || null,
      one.signOffs.map(({ by }) => by).join(", ") || null,
      one.reason,
    ]),
    paint,
  );
}
