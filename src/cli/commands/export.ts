import path from "node:path";
import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";

interface ExportOptions {
  readonly to?: string;
  readonly method?: string;
  readonly anew?: boolean;
}

/** A channel as plain files, for other servers. */
export function addExportCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("export <channel>")
      .description(
        "Write what a channel shows as a read-only tree of plain files, for nginx, vsftpd or Samba, and exchange it for " +
          "the one before in one step. Servers serve `current` in the folder.",
      )
      .option("--to <folder>", "the folder of the channel's trees (else the one that the configuration names)")
      .option("--method <method>", "link: the store's own files under another name; copy: bytes of their own")
      .option("--anew", "write it also where nothing has moved: after a repair of the store")
      .action((channel: string, options: ExportOptions) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "export",
            channel,
            folder: options.to === undefined ? null : path.resolve(context.surroundings.cwd, options.to),
            method: methodOf(options.method),
            anew: options.anew === true,
            by: context.by,
          });
          return isRefusal(answer) ? answer : { json: answer, text: exported(answer), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort export production --to /srv/ringfort-trees/production", "a tree, once"],
        ["ringfort export production", "the configured one, now; it follows every move by itself"],
        ["ringfort export production --to /mnt/share/production --method copy", "on another file system"],
      ],
      exits: [
        [EXIT.done, "the tree shows what the channel shows"],
        [EXIT.refused, "refused: the folder is not one for trees"],
      ],
    },
  );
}

function methodOf(text: string | undefined): "link" | "copy" | null {
  if (text === undefined || text === "link" || text === "copy") return text ?? null;
  throw new UsageError("a method is link or copy");
}

function exported({ channel, root, written, files, bytes, copied, removed }: Results["export"]): string {
  const content = `${files} file${files === 1 ? "" : "s"}, ${formatSize(bytes)}`;
  const old = removed === 0 ? "" : `; ${removed} old tree${removed === 1 ? "" : "s"} removed`;
  const how = written
    ? `${channel} written: ${content}, ${copied} of them copied`
    : `${channel} is there already: ${content}`;
  return `${how}${old}\nserve ${quoteOutside(root, 4_000)}\n`;
}
