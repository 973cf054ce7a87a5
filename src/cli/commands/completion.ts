import { Argument, type Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Perform } from "../context.ts";
import { teach } from "../lesson.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletionCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("completion")
      .addArgument(new Argument("<shell>", "for which shell").choices(SHELLS))
      .description("Print a script that teaches a shell this command line: commands and options.")
      .action((shell: Shell) =>
        perform(async () => {
          const script = completionScript(program, shell);
          return { json: { shell, script }, text: script, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort completion bash > /etc/bash_completion.d/ringfort", "for bash"],
        ['ringfort completion zsh > "${fpath[1]}/_ringfort"', "for zsh"],
        ["ringfort completion fish > ~/.config/fish/completions/ringfort.fish", "for fish"],
      ],
    },
  );
}

/** What may follow each chain of commands: "source add" → its options. */
function words(program: Command): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const global = program.options.map(({ long }) => long ?? "");
  const walk = (command: Command, chain: readonly string[]): void => {
    const options = command === program ? [] : command.options.map(({ long }) => long ?? "");
    const inner = command.commands.map((one) => one.name());
    found.set(chain.join(" "), [...inner, ...options, ...global, "--help"]);
    for (const one of command.commands) walk(one, [...chain, one.name()]);
  };
  walk(program, []);
  return found;
}

function completionScript(program: Command, shell: Shell): string {
  const follow = words(program);
  if (shell === "fish") return fish(follow);
  return shell === "bash"
    ? bash(follow)
    : `#compdef ringfort\nautoload -U +X bashcompinit && bashcompinit\n${bash(follow)}`;
}

function bash(follow: ReadonlyMap<string, readonly string[]>): string {
  const groups = [...follow.keys()].filter(
    (chain) => chain !== "" && [...follow.keys()].some((other) => other.startsWith(`${chain} `)),
  );
  const cases = [...follow].map(
    ([chain, after]) => `    ${JSON.stringify(chain)}) words=${JSON.stringify(after.join(" "))} ;;`,
  );
  return `_ringfort() {
  local word chain="" words="" depth=0
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    if [ "$depth" = 0 ]; then chain="$word"; depth=1
    elif [ "$depth" = 1 ]; then case "$chain" in ${groups.join("|")}) chain="$chain $word" ;; esac; depth=2; fi
  done
  case "$chain" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ringfort ringfort
`;
}

function fish(follow: ReadonlyMap<string, readonly string[]>): string {
  const lines = [...follow].flatMap(([chain, after]) => {
    const seen = chain.split(" ").filter((word) => word !== "");
    const inner = after.filter((word) => !word.startsWith("--"));
    const conditions = [
      ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(inner.length > 0 ? [`not __fish_seen_subcommand_from ${inner.join(" ")}`] : []),
    ];
    const when = conditions.length === 0 ? "" : ` -n '${conditions.join("; and ")}'`;
    return after.map(
      (word) => `complete -c ringfort${when} ${word.startsWith("--") ? `-l ${word.slice(2)}` : `-f -a ${word}`}`,
    );
  });
  return `${lines.join("\n")}\n`;
}
