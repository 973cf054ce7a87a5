import type { Command } from "commander";
import {
  EXIT,
  FAILURES,
  Failure,
  type FailureCode,
  REFUSALS,
  type Refusal,
  type RefusalCode,
  refuse,
} from "../../core/kernel/errors.ts";
import { formatDuration } from "../../core/kernel/instant.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { report, type Trouble, troubleOf, troubleOfRefusal, UsageError } from "../report.ts";

interface SyncOptions {
  readonly all?: boolean;
  readonly silent?: boolean;
}

export function addSyncCommand(program: Command, perform: Perform): void {
  const command = program
    .command("sync [name]")
    .description(
      "Fetch what is new from a vendor, verify it, seal a revision, and move the first channel to it. Interrupting this command does not stop the run.",
    )
    .option("--all", "every source, one after the other")
    .option("--silent", "print nothing but errors: for cron")
    .action((name: string | undefined, options: SyncOptions) =>
      perform((context) => {
        if ((name === undefined) === (options.all !== true)) throw new UsageError("name one source, or say --all");
        return name === undefined ? syncAll(context, options) : syncOne(name, context, options);
      }),
    );
  teach(command, {
    examples: [
      ["ringfort sync clamav", "sync one source now"],
      ["ringfort sync --all --silent", "sync all; words only where something went wrong"],
    ],
    exits: [
      [EXIT.done, "a new revision, or nothing new"],
      [EXIT.failure, "failure; with --all, of at least one source"],
      [EXIT.refused, "what came was refused; every channel stands where it stood"],
      [EXIT.later, "the upstream could not be reached; the next run tries again"],
    ],
  });
}

async function syncOne(
  source: string,
  context: CommandContext,
  { silent = false }: SyncOptions,
): Promise<Outcome | Refusal> {
  const answer = await ask(source, context, silent);
  if (isRefusal(answer)) return answer;
  return { json: answer, text: silent ? "" : said(answer), exit: EXIT.done };
}

/** Goes on past a source that fails: one vendor's bad day is not every vendor's. */
async function syncAll(context: CommandContext, { silent = false }: SyncOptions): Promise<Outcome | Refusal> {
  const list = await context.ask({ verb: "source-list" });
  if (isRefusal(list)) return list;
  const json = context.options.json === true;
  const documents: unknown[] = [];
  const exits: number[] = [];
  for (const { name } of list.sources) {
    const answer = await attempt(name, context, silent);
    if ("exit" in answer) {
      const { kind, code, detail, exit } = answer;
      exits.push(exit);
      documents.push({ source: name, error: { kind, code, detail } });
      if (!json) context.terminal.err(`${name}: `);
      if (!json) report(answer, context.terminal, false);
    } else {
      documents.push({ source: name, result: answer });
      if (!json && !silent) context.terminal.out(said(answer));
    }
  }
  const worst = [EXIT.failure, EXIT.refused, EXIT.later].find((exit) => exits.includes(exit)) ?? EXIT.done;
  const text = list.sources.length === 0 && !silent ? "no sources yet; next: ringfort source add --help\n" : "";
  return { json: { sources: documents }, text, exit: worst };
}

async function attempt(source: string, context: CommandContext, silent: boolean): Promise<Results["sync"] | Trouble> {
  try {
    const answer = await ask(source, context, silent);
    return isRefusal(answer) ? troubleOfRefusal(answer) : answer;
  } catch (error) {
    const trouble = troubleOf(error);
    // Without the daemon the other sources would only fail the same way.
    if (trouble === null || trouble.code === "daemon.unreachable") throw error;
    return trouble;
  }
}

async function ask(source: string, context: CommandContext, silent: boolean): Promise<Results["sync"] | Refusal> {
  const answer = await context.ask({ verb: "sync", source, by: context.by }, { silent });
  return isRefusal(answer) ? answer : unlessBad(answer);
}

/** A run that is recorded as refused or failed is that to the caller too, also where it came as a result. */
function unlessBad(result: Results["sync"]): Results["sync"] | Refusal {
  const { outcome, code, detail } = result.run;
  if (outcome === "refused" && isRefusalCode(code)) return refuse(code, detail);
  if (outcome === "refused" || outcome === "failed") {
    const known = isFailureCode(code) ? code : "worker.protocol";
    throw new Failure(known, detail, { retry: LATER.has(known) ? "later" : "never" });
  }
  return result;
}

function isRefusalCode(code: string | null): code is RefusalCode {
  return code !== null && Object.hasOwn(REFUSALS, code);
}

function isFailureCode(code: string | null): code is FailureCode {
  return code !== null && Object.hasOwn(FAILURES, code);
}

/** Failures that pass by themselves: the upstream's or the line's, not ours. */
const LATER: ReadonlySet<FailureCode> = new Set<FailureCode>([
  "upstream.unreachable",
  "upstream.name-unknown",
  "upstream.status",
  "upstream.cut-off",
  "upstream.changed",
  "upstream.stalled",
  "upstream.timeout",
  "upstream.proxy",
  "source.busy",
  "daemon.stopping",
]);

function said({ run, channel }: Results["sync"]): string {
  const cost = `${formatSize(run.bytes)} in ${run.requests} request${run.requests === 1 ? "" : "s"}, ${formatDuration(run.endedAt - run.startedAt)}`;
  if (run.outcome === "nothing-new") return `${run.source}: nothing new (${cost})\n`;
  const moved = channel === null ? "no channel moved" : `${channel} shows it`;
  return `${run.source}: revision ${run.revision ?? "?"} sealed (${cost}); ${moved}\n`;
}
