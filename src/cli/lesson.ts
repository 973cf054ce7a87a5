import type { Command } from "commander";

/** What a command's help teaches beside its options. */
export interface Lesson {
  /** Command lines as they are typed, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
  /** Exit codes that mean something particular here. */
  readonly exits?: readonly (readonly [code: number, means: string])[];
  readonly notes?: string;
}

const lessons = new WeakMap<Command, Lesson>();

/** Puts a lesson below the command's help and keeps it for the reference page. */
export function teach(command: Command, lesson: Lesson): Command {
  lessons.set(command, lesson);
  return command.addHelpText("after", () => `\n${lessonText(lesson)}`);
}

export function lessonOf(command: Command): Lesson | null {
  return lessons.get(command) ?? null;
}

function lessonText({ examples, exits, notes }: Lesson): string {
  const blocks: string[] = [];
  if (notes !== undefined) blocks.push(`${notes}\n`);
  if (examples.length > 0)
    blocks.push(`Examples:\n${examples.map(([line, does]) => `  # ${does}\n  ${line}\n`).join("")}`);
  if (exits !== undefined)
    blocks.push(`Exit codes:\n${exits.map(([code, means]) => `  ${code}  ${means}\n`).join("")}`);
  return blocks.join("\n");
}
