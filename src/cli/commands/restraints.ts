import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { parseDuration } from "../../core/kernel/instant.ts";
import { restraintText } from "../../core/model/restraint.ts";
import type { RequestOf } from "../../wire/client.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform, type Work } from "../context.ts";
import { laterChannel } from "../later-channel.ts";
import { teach } from "../lesson.ts";
import { recordNumber } from "../record-number.ts";
import { UsageError } from "../report.ts";
import { restraintTable } from "../restraint-table.ts";
import { revisionNumber } from "../revision-ref.ts";

interface Common {
  readonly reason?: string;
  readonly expires?: string;
}

type On = RequestOf<"restrain">["on"];

/** Orders that something may not be released. */
export function addRestraintCommands(program: Command, perform: Perform): void {
  addHold(program, perform);
  addBlock(program, perform);
  teach(
    program
      .command("restraints")
      .description("Holds, pins and blocks: what may not be, since when, by whom and why.")
      .option("--all", "those that were released too")
      .action(({ all }: { readonly all?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "restraints", all: all === true });
          if (isRefusal(answer)) return answer;
          return { json: answer, text: restraintTable(answer.restraints, context), exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort restraints", "what is held, pinned or blocked now"]] },
  );
  teach(
    program
      .command("release <number>")
      .description("End a hold, a pin or a block.")
      .option("--reason <text>", "why, for the record")
      .action((number: string, { reason }: { readonly reason?: string }) =>
        perform(async (context) => {
          const request = { verb: "release", id: recordNumber(number), reason: reason ?? "", by: context.by } as const;
          const answer = await context.ask(request);
          if (isRefusal(answer)) return answer;
          return { json: answer, text: `${restraintText(onOf(answer.restraint))} is released\n`, exit: EXIT.done };
        }),
      ),
    { examples: [['ringfort release 3 --reason "was a false alarm"', "it holds no longer"]] },
  );
}

/** The options that a hold and a pin share. */
function common(command: Command): Command {
  return command
    .option("--reason <text>", "why, for the record and for whoever meets it")
    .option("--expires <time>", "over by itself after so long (else never)");
}

function addHold(program: Command, perform: Perform): void {
  teach(
    common(program.command("hold [source]"))
      .description("Hold a channel of a source where it is: no promotion, no rollback, by nobody.")
      .option("--channel <channel>", "this channel (else every channel of the source)")
      .option("--all", "every source")
      .action((source: string | undefined, options: Common & { readonly channel?: string; readonly all?: boolean }) =>
        perform(async (context) => {
          if ((source === undefined) !== (options.all === true)) throw new UsageError("name one source, or say --all");
          return put({ kind: "hold", source: source ?? null, channel: options.channel ?? null }, options, context);
        }),
      ),
    {
      examples: [
        ['ringfort hold clamav --channel production --reason "looking into it"', "one channel"],
        ['ringfort hold --all --expires 3d --reason "year end"', "everything, for three days"],
      ],
    },
  );
  teach(
    common(program.command("pin <source>"))
      .description("Fix a channel to the revision that it shows.")
      .option("--channel <channel>", "the channel (else the one after the first)")
      .option("--revision <number>", "only if it shows this one")
      .action((source: string, options: Common & { readonly channel?: string; readonly revision?: string }) =>
        perform(async (context) => {
          const revision = options.revision === undefined ? null : revisionNumber(options.revision);
          const channel = options.channel ?? (await laterChannel(context));
          return put({ kind: "pin", source, channel, revision }, options, context);
        }),
      ),
    { examples: [["ringfort pin tools --channel production --revision 7", "it stays at 7"]] },
  );
}

function addBlock(program: Command, perform: Perform): void {
  teach(
    program
      .command("block [source]")
      .description("Never again: a revision of a source, a content from any source, or everything by a signer.")
      .option("--revision <number>", "a revision of the source that is named")
      .option("--digest <sha256>", "a content, whatever its name and source")
      .option("--signer <signer>", "a signer, as revisions and the audit log name it")
      .option("--reason <text>", "why, for the record and for whoever meets it")
      .option("--expires <time>", "over by itself after so long (else never)")
      .action((source: string | undefined, options: Common & BlockOptions) => perform(blockOf(source, options))),
    {
      examples: [
        ['ringfort block clamav --revision 8 --reason "crashes clients"', "a revision"],
        ["ringfort block --digest 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", "a content"],
      ],
      notes:
        "What is blocked stops being served at once. A channel that shows it goes back to the newest older revision that " +
        "is not blocked; where there is none, or where it is held or pinned, it withholds what is blocked.",
    },
  );
}

interface BlockOptions {
  readonly revision?: string;
  readonly digest?: string;
  readonly signer?: string;
}

function blockOf(source: string | undefined, options: Common & BlockOptions): Work {
  return async (context) => {
    const { revision, digest, signer } = options;
    if ([revision, digest, signer].filter((one) => one !== undefined).length !== 1)
      throw new UsageError("one of --revision, --digest and --signer says what is blocked");
    if ((revision !== undefined) !== (source !== undefined))
      throw new UsageError("a source goes with --revision, and with nothing else: other blocks are for every source");
    if (digest !== undefined) {
      if (!/^[0-9a-f]{64}$/.test(digest)) throw new UsageError("--digest is a SHA-256: 64 of 0-9 and a-f");
      return put({ kind: "block-digest", sha256: digest }, options, context);
    }
    if (signer !== undefined) return put({ kind: "block-signer", signer }, options, context);
    return put(
      { kind: "block-revision", source: source ?? "", revision: revisionNumber(revision ?? "") },
      options,
      context,
    );
  };
}

async function put(on: On, { reason, expires }: Common, context: CommandContext): ReturnType<Work> {
  const time = expires === undefined ? null : parseDuration(expires);
  if (expires !== undefined && (time === null || time <= 0))
    throw new UsageError(`"${expires}" is no length of time; write for example 3d`);
  const answer = await context.ask({ verb: "restrain", on, reason: reason ?? "", expires: time, by: context.by });
  return isRefusal(answer) ? answer : restrained(answer);
}

function restrained(answer: Results["restrain"]): Outcome {
  const { restraint, touched } = answer;
  const lines = [`${restraintText(onOf(restraint))} is number ${restraint.id}`];
  for (const { source, channel, now, revision } of touched)
    lines.push(
      now === "taken-back"
        ? `${channel} of ${source} went back to revision ${revision}`
        : `${channel} of ${source} withholds it; nothing older was there to go back to, or it is held`,
    );
  if (restraint.on.kind.startsWith("block"))
    lines.push("clients keep what they have: ringfort rollback --help tells of them");
  return { json: answer, text: lines.map((line) => `${quoteOutside(line, 500)}\n`).join(""), exit: EXIT.done };
}

function onOf({ on }: Results["release"]["restraint"]): Parameters<typeof restraintText>[0] {
  return on as Parameters<typeof restraintText>[0];
}
