import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { revisionNumber } from "../revision-ref.ts";
import { table } from "../table.ts";
import { distance } from "../time-text.ts";

interface GiveOptions {
  readonly revision: string;
  readonly name: string;
  readonly good?: boolean;
  readonly bad?: boolean;
  readonly detail?: string;
}

/** What speaks for and against a revision beside its canaries. */
export function addEvidenceCommands(program: Command, perform: Perform): void {
  teach(
    program
      .command("check <source>")
      .description("Run a source's checks over a revision again, each in its jail, and record what they say.")
      .option("--revision <number>", "the revision (else the newest)")
      .action((source: string, options: { readonly revision?: string }) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "check",
            source,
            revision: given(options.revision),
            by: context.by,
          });
          if (isRefusal(answer)) return answer;
          const bad = answer.evidence.some(({ outcome }) => outcome === "bad");
          return { json: answer, text: shown(answer, context), exit: bad ? EXIT.refused : EXIT.done };
        }),
      ),
    {
      examples: [["ringfort check clamav", "load the newest databases, find EICAR and nothing else"]],
      exits: [
        [EXIT.done, "nothing speaks against the revision"],
        [EXIT.refused, "a check or an alarm speaks against it"],
      ],
    },
  );
  const evidence = program.command("evidence").description("What checks, alarms and people say of a revision.");
  teach(
    evidence
      .command("list <source>")
      .description("Show everything that was found of a revision, oldest first.")
      .option("--revision <number>", "the revision (else the newest)")
      .action((source: string, options: { readonly revision?: string }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "evidence", source, revision: given(options.revision) });
          return isRefusal(answer) ? answer : { json: answer, text: shown(answer, context), exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort evidence list clamav --revision 7", "what speaks for revision 7, and what against it"]] },
  );
  teach(
    evidence
      .command("give <source>")
      .description("Say good or bad of a revision: by hand, or from a program of yours that has looked at it.")
      .requiredOption("--revision <number>", "the revision")
      .requiredOption("--name <name>", "what the policy calls this evidence; of two with one name the later counts")
      .option("--good", "it speaks for the revision")
      .option("--bad", "it speaks against it: the health gate holds it")
      .option("--detail <text>", "why, for whoever reads it")
      .action((source: string, options: GiveOptions) =>
        perform(async (context) => {
          if ((options.good === true) === (options.bad === true)) throw new UsageError("say one of --good and --bad");
          const answer = await context.ask({
            verb: "evidence-give",
            source,
            revision: revisionNumber(options.revision),
            name: options.name,
            good: options.good === true,
            detail: options.detail ?? "",
            by: context.by,
          });
          if (isRefusal(answer)) return answer;
          const text = shown({ source, revision: answer.evidence.revision, evidence: [answer.evidence] }, context);
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort evidence give clamav --revision 7 --name lab --good", "our own lab has tried it"],
        ['ringfort evidence give clamav --revision 7 --name lab --bad --detail "svchost was quarantined"', "hold it"],
      ],
    },
  );
}

function given(revision: string | undefined): number | null {
  return revision === undefined ? null : revisionNumber(revision);
}

const TONES = { good: "good", bad: "bad", note: "plain" } as const;

function shown({ source, revision, evidence }: Results["evidence"], { paint, terminal }: CommandContext): string {
  const head = `${source} revision ${revision}: ${evidence.length === 0 ? "nothing was found yet" : `${evidence.length} found`}\n`;
  if (evidence.length === 0) return head;
  const rows = evidence.map(({ name, outcome, code, detail, at, by }) => [
    name,
    { text: outcome, tone: TONES[outcome] } as const,
    code,
    distance(at, terminal.now()),
    by,
    detail,
  ]);
  return `${head}\n${table(["NAME", "SAYS", "CODE", "WHEN", "BY", "DETAIL"], rows, paint)}`;
}
