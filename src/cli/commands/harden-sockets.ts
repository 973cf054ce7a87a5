import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { EXIT, type Refusal, refuse } from "../../core/kernel/errors.ts";
import { compareSockets } from "../../core/network/compare-sockets.ts";
import { SOCKET_UNIT, type SocketUnit, socketUnits } from "../../core/network/socket-units.ts";
import { UNIT_FOLDER } from "../../core/setup/host-files.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";

interface SocketsOptions {
  readonly output?: string;
  readonly check?: string | true;
}

/** The sockets that systemd opens in the daemon's place. */
export function addSocketsCommand(harden: Command, perform: Perform): void {
  teach(
    harden
      .command("sockets")
      .description(
        "systemd's socket units of every listener, made from the configuration: systemd opens them, bound to their interface, " +
          "and the daemon needs no right to. It prints, and changes nothing of the host.",
      )
      .option("--output <folder>", "write one file for each there")
      .option("--check [folder]", `compare with the units that are installed (else ${UNIT_FOLDER})`)
      .action((options: SocketsOptions) => perform((context) => hardenSockets(options, context))),
    {
      examples: [
        ["ringfort harden sockets", "print them"],
        [`ringfort harden sockets --output ${UNIT_FOLDER}`, "write them where systemd reads them"],
        ["ringfort harden sockets --check", "are those that the configuration needs installed?"],
      ],
      exits: [
        [EXIT.done, "printed, written, or with --check: they are the same"],
        [EXIT.failure, "the folder cannot be read or written"],
        [EXIT.refused, "the configuration does not say enough, or with --check: others are installed"],
      ],
      notes:
        "Names and their meaning are in docs/hardening.md. After writing: systemctl daemon-reload, systemctl enable the " +
        "units, and start the service again; ringfort setup does all of that.",
    },
  );
}

async function hardenSockets({ output, check }: SocketsOptions, context: CommandContext): Promise<Outcome | Refusal> {
  if (check !== undefined && output !== undefined)
    throw new UsageError("--check compares and --output writes: one of the two");
  const units = socketUnits((await context.loadConfig()).config);
  if ("kind" in units) return refuse("sockets.underdescribed", units.faults.join("\n"));
  const at = (folder: string): string => path.resolve(context.surroundings.cwd, folder);
  if (check !== undefined) return compare(units, check === true ? UNIT_FOLDER : at(check), context);
  if (output !== undefined) return write(units, at(output));
  return {
    json: { units },
    text: units.map(({ file, text }) => `# ${file}\n${text}`).join("\n"),
    exit: EXIT.done,
  };
}

async function write(units: readonly SocketUnit[], folder: string): Promise<Outcome> {
  const files = units.map(({ file }) => path.join(folder, file));
  await onDisk(`writing into ${folder}`, async () => {
    await mkdir(folder, { recursive: true });
    for (const { file, text } of units) await writeFile(path.join(folder, file), text, { mode: 0o644 });
  });
  return { json: { files }, text: files.map((file) => `written: ${file}\n`).join(""), exit: EXIT.done };
}

async function compare(units: readonly SocketUnit[], folder: string, context: CommandContext): Promise<Outcome> {
  const installed = await onDisk(`reading ${folder}`, async () => {
    const names = await readdir(folder).catch((cause: unknown) => {
      if (errnoOf(cause) === "ENOENT") return [];
      throw cause;
    });
    const ours = names.filter((name) => SOCKET_UNIT.test(name));
    return Promise.all(ours.map(async (file) => ({ file, text: await readFile(path.join(folder, file), "utf8") })));
  });
  const differences = compareSockets(units, installed);
  if (differences.length === 0)
    return { json: { differences }, text: "the sockets of the configuration are installed\n", exit: EXIT.done };
  const rows = differences.map(({ what, where, wanted, found }) => [what, where, wanted, found]);
  return {
    json: { differences },
    text: table(["what", "where", "wanted", "found"], rows, context.paint),
    exit: EXIT.refused,
  };
}
