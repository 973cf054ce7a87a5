import { EXIT } from "../../core/kernel/errors.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { table } from "../table.ts";
import type { SetupPlan } from "./setup-plan.ts";

/** A command line to type next, and what it does. */
export interface Next {
  readonly command: string;
  readonly does: string;
}

/** What would be written: the files, the configuration's text, and with `--json` every text. */
export function shownPlan(plan: SetupPlan, context: CommandContext): Outcome {
  const { host, source, notes } = plan;
  const json = {
    written: false,
    files: host.files.map(({ path: file, state, text }) => ({ file, state, text })),
    removed: host.surplus,
    source,
    notes,
  };
  const configuration = host.files.at(-1);
  const text = `${shownFiles(plan, context)}\n${configuration?.text ?? ""}`;
  return { json, text, exit: EXIT.done };
}

export function shownFiles({ host, notes }: SetupPlan, { paint }: CommandContext): string {
  const rows = [
    ...host.files.map(({ path: file, state, keepAs }) => [
      file,
      state === "changed" && keepAs !== null ? `changed; the old one: ${keepAs}` : state,
    ]),
    ...host.surplus.map((file) => [file, "removed"]),
  ];
  return `${table(["file", "state"], rows, paint)}${notes.map((note) => `note: ${note}\n`).join("")}`;
}

export function shownNext(next: readonly Next[], { paint }: CommandContext): string {
  return `\n${paint("next:", "strong")}\n${next.map(({ command, does }) => `  # ${does}\n  ${command}\n`).join("")}`;
}
