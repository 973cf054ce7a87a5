import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { EXIT, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import { type NoteVerifier, readVerifier } from "../../formats/transparency/signed-note.ts";
import { exportAuditLog } from "../audit-export.ts";
import { parseEntry, said } from "../audit-text.ts";
import { verifyExport } from "../audit-verify.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

/** The proof of what was done. */
export function addAuditLogCommands(program: Command, perform: Perform): void {
  const auditLog = program
    .command("audit-log")
    .description("The proof of what was decided and done (docs/audit-log.md).");
  teach(
    auditLog
      .command("show")
      .description("The newest entries, newest first.")
      .option("--limit <count>", "at most so many, 1 to 1000", "20")
      .action(({ limit }: { readonly limit: string }) => perform((context) => shown(context, countOf(limit)))),
    { examples: [["ringfort audit-log show --limit 50", "what was done last"]] },
  );
  teach(
    auditLog
      .command("checkpoint")
      .description("Sign the log as it is now, and print the checkpoint: keep it where the log is not.")
      .action(() => perform(checkpoint)),
    {
      examples: [["ringfort audit-log checkpoint >> /mnt/elsewhere/checkpoints.txt", "a witness by hand"]],
      notes:
        "Whoever holds a checkpoint finds every change of what came before it. auditLog.witness in the configuration keeps each " +
        "one in a file; the event audit-log.signed carries each to the system log and to whoever is notified.",
    },
  );
  teach(
    auditLog
      .command("key")
      .description("The log's public key: what verifies its checkpoints.")
      .action(() => perform(publicKey)),
    { examples: [["ringfort audit-log key > ringfort.vkey", "keep it with whoever will verify"]] },
  );
  teach(
    auditLog
      .command("export <folder>")
      .description("Write the whole log with all of its checkpoints and its public key into a new folder.")
      .action((folder: string) => perform((context) => exported(context, folder))),
    { examples: [["ringfort audit-log export audit-2026-11", "three files of text, for whoever verifies"]] },
  );
  teach(
    auditLog
      .command("verify <folder>")
      .description("Verify an export, with nothing but the public key: no daemon, no store, no network.")
      .requiredOption("--key <key>", "the public key, or a file that holds it: the one that you kept, not the export's")
      .option("--kept <file...>", "checkpoints that were kept elsewhere")
      .action((folder: string, options: VerifyOptions) => perform((context) => verified(context, folder, options))),
    {
      examples: [
        [
          "ringfort audit-log verify audit-2026-11 --key ringfort.vkey --kept checkpoints.txt",
          "has anything been changed?",
        ],
      ],
      notes:
        "Without --kept it is shown that the export fits its own checkpoints; that nobody with the key made another log in its " +
        "place is shown only by a checkpoint that was kept elsewhere.",
      exits: [
        [EXIT.done, "nothing is missing, changed, added or out of its place"],
        [EXIT.refused, "something is, and the code says what"],
      ],
    },
  );
}

interface VerifyOptions {
  readonly key: string;
  readonly kept?: readonly string[];
}

function countOf(written: string): number {
  const count = /^\d{1,4}$/.test(written) ? Number(written) : 0;
  if (count < 1 || count > 1_000) throw new UsageError(`--limit is 1 to 1000, not "${written}"`);
  return count;
}

/** What the daemon gives at once. */
const PAGE = 50;

async function shown(context: CommandContext, count: number): Promise<Outcome | Refusal> {
  const head = await context.ask({ verb: "audit-log", from: 0, limit: 1 });
  if (isRefusal(head)) return head;
  const lines: string[] = [];
  for (let from = Math.max(0, head.size - count); from < head.size && lines.length < count; ) {
    const page = await context.ask({ verb: "audit-log", from, limit: Math.min(PAGE, head.size - from) });
    if (isRefusal(page)) return page;
    if (page.lines.length === 0) break;
    lines.push(...page.lines);
    from += page.lines.length;
  }
  const entries = lines.map(parseEntry).toReversed();
  const rows = entries.map(({ n, at, kind, fields }) => [n, timeAndDistance(at, context.terminal), kind, said(fields)]);
  const text =
    rows.length === 0 ? "nothing has been done yet\n" : table(["ENTRY", "AT", "KIND", "SAYS"], rows, context.paint);
  return { json: { size: head.size, entries }, text, exit: EXIT.done };
}

async function checkpoint(context: CommandContext): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "audit-checkpoint" });
  return isRefusal(answer) ? answer : { json: answer, text: answer.note, exit: EXIT.done };
}

async function publicKey(context: CommandContext): Promise<Outcome | Refusal> {
  const answer = await context.ask({ verb: "audit-checkpoint" });
  if (isRefusal(answer)) return answer;
  return { json: { verifier: answer.verifier }, text: `${answer.verifier}\n`, exit: EXIT.done };
}

async function exported(context: CommandContext, folder: string): Promise<Outcome | Refusal> {
  const answer = await exportAuditLog(context, path.resolve(context.surroundings.cwd, folder));
  if (isRefusal(answer)) return answer;
  const next = `next: ringfort audit-log verify ${quoteOutside(folder, 300)} --key KEY, with the key that you kept\n`;
  const text = `${answer.entries} entries and ${answer.checkpoints} checkpoints written\n${next}`;
  return { json: answer, text, exit: EXIT.done };
}

async function verified(
  { surroundings }: CommandContext,
  folder: string,
  options: VerifyOptions,
): Promise<Outcome | Refusal> {
  const at = (name: string): string => path.resolve(surroundings.cwd, name);
  const answer = await verifyExport(at(folder), await keyFrom(options.key, at), (options.kept ?? []).map(at));
  if (isRefusal(answer)) return answer;
  const { entries, checkpoints, kept } = answer;
  const against = kept === 0 ? "; none was kept elsewhere, so that only the log's own word was compared" : "";
  const text = `verified: ${entries} entries under ${checkpoints} checkpoints${against}\n`;
  return { json: { entries, checkpoints, kept }, text, exit: EXIT.done };
}

/** A key as it is written, or in a file. */
async function keyFrom(written: string, at: (name: string) => string): Promise<NoteVerifier> {
  const direct = readVerifier(written);
  if (direct !== null) return direct;
  const text = await readFile(at(written), "utf8").catch((cause: unknown) => {
    throw new UsageError(
      `--key is neither a public key (name+hash+key) nor a file that can be read (${systemCode(cause)})`,
    );
  });
  const read = readVerifier(text);
  if (read === null) throw new UsageError(`${quoteOutside(written, 300)} holds no public key of an audit log`);
  return read;
}
