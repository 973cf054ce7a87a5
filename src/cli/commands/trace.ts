import path from "node:path";
import type { Command } from "commander";
import { parseSha256, type Sha256 } from "../../core/kernel/digest.ts";
import { EXIT } from "../../core/kernel/errors.ts";
import { clientPages, MOST_CLIENTS, MOST_SHOWN } from "../client-pages.ts";
import { isRefusal, type Perform } from "../context.ts";
import { fileDigest } from "../file-digest.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";
import { traceText } from "../trace-text.ts";

interface TraceOptions {
  readonly file?: string;
}

/** The whole story of one content. */
export function addTraceCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("trace [digest]")
      .description(
        "This hash: who let it in, verified how, which channels had it for how long, who approved, who fetched it.",
      )
      .option("--file <file>", "a file on this machine, whose SHA-256 is taken")
      .action((digest: string | undefined, options: TraceOptions) =>
        perform(async (context) => {
          const sha256 = await digestOf(digest, options.file, context.surroundings.cwd);
          const answer = await context.ask({ verb: "trace", sha256 });
          if (isRefusal(answer)) return answer;
          const of = { source: null, channel: null, revision: null, sha256 };
          const page = await clientPages(context, of, context.options.json === true ? MOST_CLIENTS : MOST_SHOWN);
          if (isRefusal(page)) return page;
          const list = page.clients;
          return { json: { ...answer, list }, text: traceText(answer, list, context), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort trace 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "a digest from a report"],
        ["ringfort trace --file /var/lib/clamav/daily.cld", "what stands on a client"],
      ],
      exits: [[EXIT.failure, "content.unknown: it was never let in, refused or served here"]],
    },
  );
}

async function digestOf(digest: string | undefined, file: string | undefined, cwd: string): Promise<Sha256> {
  if ((digest === undefined) === (file === undefined))
    throw new UsageError("give a digest, or --file FILE; one of the two");
  if (file !== undefined) return hashOf(path.resolve(cwd, file), file);
  const sha256 = parseSha256(digest ?? "");
  if (sha256 === null) throw new UsageError("a digest is a SHA-256 in hexadecimal, 64 digits");
  return sha256;
}

async function hashOf(file: string, written: string): Promise<Sha256> {
  try {
    return (await fileDigest(file, "follow")).sha256;
  } catch (cause) {
    throw new UsageError(`--file ${written} cannot be read (${systemCode(cause)})`);
  }
}
