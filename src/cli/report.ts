import { EXIT, FAILURES, Failure, quoteOutside, REFUSALS, type Refusal } from "../core/kernel/errors.ts";
import { adviceFor } from "./advice.ts";
import { type FileIssue, InvalidFile, issueLine } from "./file-issues.ts";
import { painter, type Terminal } from "./terminal.ts";

/** The command line itself was wrong: nothing was asked of anybody. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A "no" of any sort, ready to be shown. */
export interface Trouble {
  readonly kind: "refused" | "failed" | "usage";
  readonly code: string;
  readonly detail: string;
  readonly exit: number;
  readonly issues?: readonly FileIssue[];
}

export function troubleOfRefusal(refusal: Refusal): Trouble {
  return { kind: "refused", code: refusal.code, detail: refusal.detail, exit: exitOf(refusal) };
}

/** Only a sign-off is missing: a wait for people is no refusal of what was asked. */
function exitOf({ code }: Refusal): number {
  return code === "promotion.sign-off-missing" ? EXIT.waiting : EXIT.refused;
}

/** The trouble that an exception stands for; `null` for a bug, which nobody shall catch. */
export function troubleOf(error: unknown): Trouble | null {
  if (error instanceof UsageError) return { kind: "usage", code: "usage", detail: error.message, exit: EXIT.usage };
  if (!(error instanceof Failure)) return null;
  const trouble = { kind: "failed", code: error.code, detail: error.message } as const;
  const exit = error.retry === "later" ? EXIT.later : EXIT.failure;
  return error instanceof InvalidFile ? { ...trouble, exit, issues: error.issues } : { ...trouble, exit };
}

/** Shows trouble and returns the exit code: one JSON document on `out`, or what, why and what next on `err`. */
export function report(trouble: Trouble, terminal: Terminal, json: boolean): number {
  const { kind, code, detail, exit, issues } = trouble;
  if (json) {
    terminal.out(
      `${JSON.stringify({ error: { kind, code, detail, ...(issues === undefined ? {} : { issues }) } }, null, 2)}\n`,
    );
    return exit;
  }
  const paint = painter(terminal, "err");
  if (kind === "usage") {
    terminal.err(`${paint("error:", "bad")} ${detail}\n`);
    return exit;
  }
  const meanings: Readonly<Record<string, string>> = { ...REFUSALS, ...FAILURES };
  terminal.err(
    `${paint(`${kind}:`, "bad")} ${meanings[code] ?? "an error that this version does not know"} (${code})\n`,
  );
  const lines = issues?.map(issueLine) ?? detail.split("\n").filter((line) => line !== "");
  for (const line of lines) terminal.err(`  ${quoteOutside(line, 2_000)}\n`);
  terminal.err(`${paint("next:", "strong")} ${adviceFor(code)}\n`);
  return exit;
}
