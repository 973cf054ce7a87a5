import type { Argument, Command, Option } from "commander";
import { lessonOf } from "../lesson.ts";
import { buildProgram } from "../program.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** Every command with its options, examples and exit codes, in the order of `ringfort --help`. */
export function cliPage(): string {
  const program = buildProgram(async () => {});
  const head = `${pageHead("The command line", "src/cli/")}\`ringfort\` talks to the daemon over its control socket, \`control.sock\` in the data folder, and touches nothing else
but the files that are named on its line; \`hostfile check\` alone opens connections of its own, to the mirrors of a host file. Results go to
the standard output, progress and errors to the standard error. Progress is one line that is drawn over and over, on a
terminal only. Colour is for terminals, and not under \`NO_COLOR\`. Times are local, in ISO 8601.

${options(program)}
${lesson(program)}`;
  const sections = leaves(program, []).map(([names, command]) => section(names, command));
  return (head + sections.join("")).replaceAll(/\n{3,}/g, "\n\n");
}

/** One page for each command of the first level, with those below it: what \`man ringfort-backup\` shows. */
export function commandPages(): readonly (readonly [name: string, page: string])[] {
  const program = buildProgram(async () => {});
  return program.commands.map((command) => {
    const name = command.name();
    const inner = command.commands.length > 0 ? leaves(command, [name]) : [[[name], command] as const];
    const head = `# NAME\n\nringfort-${name} - ${command.description().split(/(?<=\.) /)[0] ?? ""}\n`;
    const global = `\n# OPTIONS OF EVERY COMMAND\n${options(program)}\n# SEE ALSO\n\nringfort(1)\n`;
    return [name, head + inner.map(([names, one]) => section(names, one)).join("") + global];
  });
}

function leaves(command: Command, above: readonly string[]): readonly (readonly [readonly string[], Command])[] {
  return command.commands.flatMap((inner) => {
    const names = [...above, inner.name()];
    return inner.commands.length > 0 ? leaves(inner, names) : [[names, inner] as const];
  });
}

function section(names: readonly string[], command: Command): string {
  const usage = [
    "ringfort",
    ...names,
    ...(command.options.length > 0 ? ["[options]"] : []),
    ...command.registeredArguments.map(argument),
  ].join(" ");
  return `\n## ${names.join(" ")}\n\n${code(usage)}\n\n${command.description()}\n${options(command)}${lesson(command)}`;
}

function argument(one: Argument): string {
  return one.required ? `<${one.name()}>` : `[${one.name()}]`;
}

function options(command: Command): string {
  if (command.options.length === 0) return "";
  const rows = command.options.map((option: Option) => [
    code(option.flags),
    `${option.description}${option.mandatory ? " (required)" : ""}${defaultText(option)}`,
  ]);
  return `\n${markdownTable(["option", "what it does"], rows)}`;
}

function defaultText(option: Option): string {
  const value: unknown = option.defaultValue;
  return typeof value === "string" ? ` (else ${value})` : "";
}

function lesson(command: Command): string {
  const taught = lessonOf(command);
  if (taught === null) return "";
  const examples = taught.examples.map(([line, does]) => `# ${does}\n${line}\n`).join("");
  const exits =
    taught.exits === undefined
      ? ""
      : `\n${markdownTable(
          ["exit code", "means"],
          taught.exits.map(([exit, means]) => [String(exit), means]),
        )}`;
  return `\n\`\`\`sh\n${examples}\`\`\`\n${exits}`;
}
