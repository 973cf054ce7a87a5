import type { Command } from "commander";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import { formatSize } from "../../core/kernel/size.ts";
import { KEPT_FOR } from "../../core/release/retention.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

interface CollectionOptions {
  readonly source?: string;
  readonly plan?: string;
  readonly yes?: boolean;
}

/** Collecting: what goes and what stays is shown before anything is removed, each with why. */
export function addCollection(program: Command, perform: Perform): void {
  teach(
    program
      .command("gc")
      .description(
        "Remove revisions past their retention and the contents that nothing names any more. Shows first what goes and what stays, with why; only --yes, or a yes at the terminal, removes it.",
      )
      .option("--source <name>", "only of this source are revisions removed")
      .option("--plan <fingerprint>", "remove only what this preview has shown; when that has changed, refuse")
      .option("--yes", "do it")
      .action((options: CollectionOptions) => perform((context) => collect(context, options))),
    {
      examples: [
        ["ringfort gc", "say what would go and what stays; on a terminal it then asks"],
        ["ringfort gc --yes", "remove what would go now"],
        ["ringfort gc --json | jq -r .plan", "the fingerprint of what would go"],
        ["ringfort gc --yes --plan FINGERPRINT", "remove what that preview has shown, and nothing else"],
      ],
      exits: [
        [EXIT.done, "shown, or removed"],
        [EXIT.refused, "what would go is no longer what the preview has shown; nothing was removed"],
      ],
    },
  );
}

async function collect(context: CommandContext, options: CollectionOptions): Promise<Outcome | Refusal> {
  if (options.plan !== undefined && options.yes !== true)
    throw new UsageError("--plan says what may be removed; removing it takes --yes too");
  if (options.plan !== undefined && !/^[0-9a-f]{64}$/.test(options.plan))
    throw new UsageError("--plan is the fingerprint of a preview, 64 hexadecimal digits: ringfort gc shows it");
  const { surroundings, terminal, by } = context;
  const wish = { verb: "gc", source: options.source ?? null, by } as const;
  if (options.plan !== undefined) return done(context, await context.ask({ ...wish, plan: options.plan }));
  const preview = await context.ask({ ...wish, plan: null });
  if (isRefusal(preview)) return preview;
  if (options.yes === true) return done(context, await context.ask({ ...wish, plan: preview.plan }));
  const byHand = surroundings.inIsTerminal && terminal.errIsTerminal && context.options.json !== true;
  if (byHand && goesAnything(preview)) {
    terminal.err(shown(preview, context));
    if (await surroundings.confirm("remove it? [y/N] "))
      return done(context, await context.ask({ ...wish, plan: preview.plan }));
    return { json: preview, text: "nothing was done\n", exit: EXIT.done };
  }
  const next = goesAnything(preview) ? `next: ringfort gc --yes --plan ${preview.plan} removes exactly this\n` : "";
  return { json: preview, text: shown(preview, context) + next, exit: EXIT.done };
}

function done(context: CommandContext, answer: Results["gc"] | Refusal): Outcome | Refusal {
  return isRefusal(answer) ? answer : { json: answer, text: shown(answer, context), exit: EXIT.done };
}

function goesAnything({ revisions, blobs }: Results["gc"]): boolean {
  return revisions.length > 0 || blobs > 0;
}

function shown(gc: Results["gc"], { paint, terminal }: CommandContext): string {
  const verb = gc.preview ? "would go" : "removed";
  const head =
    `${counted(gc.revisions.length, "revision")} and ${counted(gc.blobs, "content")} ${verb}, which frees ${formatSize(gc.bytes)}; ` +
    `${counted(gc.waiting, "content")} (${formatSize(gc.waitingBytes)}) ${gc.waiting === 1 ? "goes" : "go"} when the grace is over\n`;
  const going = gc.revisions.map(({ source, revision, sealedAt, frees, why }) => [
    source,
    revision,
    timeAndDistance(sealedAt, terminal),
    formatSize(frees),
    why,
  ]);
  const goes =
    going.length === 0
      ? ""
      : `\n${table(["SOURCE", "REVISION", "SEALED", "FREES", "GOES BECAUSE IT IS"], going, paint)}`;
  const staying = gc.kept.map(({ source, revision, why }) => [
    source,
    revision,
    why.map((each) => KEPT_FOR[each.for] + (each.detail === "" ? "" : ` (${each.detail})`)).join("; "),
  ]);
  const stays = staying.length === 0 ? "" : `\n${table(["SOURCE", "REVISION", "STAYS BECAUSE"], staying, paint)}`;
  return head + goes + stays;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
