import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { plainYaml } from "../plain-yaml.ts";
import { facts } from "../table.ts";

/** The configuration file, without the daemon. */
export function addConfigCommands(program: Command, perform: Perform): void {
  const command = program.command("config").description("The daemon's configuration file.");
  teach(
    command
      .command("check [file]")
      .description(
        "Say whether the configuration is valid, and everything that is wrong with it, with line and column.",
      )
      .action((file: string | undefined) =>
        perform(async (context) => {
          const loaded = await (file === undefined ? context.loadConfig() : context.surroundings.loadConfig(file));
          const channels = Object.entries(loaded.config.channels);
          const notes = channels.filter(([, { ftp }]) => ftp?.active === true).map(([name]) => activeNote(name));
          const text = facts(
            [
              ["file", loaded.file ?? "none: the defaults"],
              ["valid", { text: "yes", tone: "good" }],
              ["data", loaded.config.data],
              ["channels", channels.map(([name, { listen }]) => `${name} (${listen})`).join(", ")],
              ...notes.map((note): readonly [string, string] => ["note", note]),
            ],
            context.paint,
          );
          return { json: { file: loaded.file, valid: true, notes }, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort config check", "the file that would be used"],
        ["ringfort config check /etc/ringfort/ringfort.yaml", "one particular file"],
      ],
      exits: [
        [EXIT.done, "valid"],
        [EXIT.failure, "not valid, or not readable"],
      ],
    },
  );
  teach(
    command
      .command("show")
      .description("The configuration in effect, defaults filled in.")
      .action(() =>
        perform(async (context) => {
          const { config, file } = await context.loadConfig();
          const text = `# from ${file ?? "the defaults"}\n${plainYaml(config)}`;
          return { json: { file, config }, text, exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort config show", "print it"]] },
  );
}

function activeNote(channel: string): string {
  return (
    `channels.${channel}.ftp.active: its server keeps the right to open sockets and to connect; it cannot run on ` +
    "inherited sockets alone, and the daemon does not start where systemd hands this channel's over"
  );
}
