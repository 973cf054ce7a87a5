import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { EXIT, Failure, quoteOutside } from "../../core/kernel/errors.ts";
import type { HostFile } from "../../core/model/host-file.ts";
import { hostsFor } from "../../core/publish/choose-hosts.ts";
import { HOST_FILE_WRITERS, type HostFileKind } from "../../core/publish/host-files/registry.ts";
import type { WriteOptions } from "../../core/publish/host-files/written.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { didYouMean } from "../did-you-mean.ts";
import { readHostFile, refuseWrong } from "../hostfile-store.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";

interface ExportFlags {
  readonly as: string;
  readonly out?: string;
  readonly for?: readonly string[];
  readonly mount?: string;
  readonly suite?: string;
  readonly component?: readonly string[];
  readonly keyring?: string;
  readonly path?: string;
  readonly workdir?: string;
  readonly logfile?: string;
  readonly privateMirror?: boolean;
  readonly experimental?: boolean;
}

const KINDS = Object.keys(HOST_FILE_WRITERS);

/** A host file in the words of each kind of client. */
export function addExport(hostfile: Command, perform: Perform): void {
  const command = hostfile
    .command("export <file>")
    .description("Write a host file as the small file, or the command line, that a kind of client takes.")
    .requiredOption("--as <kind>", KINDS.join(", "))
    .option("--out <file>", "write it there, and nothing that is there already (else it is printed)")
    .option("--for <address...>", "for a client with these IP addresses: its own subnet's mirrors first")
    .option("--mount <path>", "where the source stands below the channel's address (else /)")
    .option("--private-mirror", "freshclam: whole databases, by PrivateMirror")
    .option("--suite <name>", "apt: the suite, or a path that ends with /")
    .option("--component <name...>", "apt: the components")
    .option("--keyring <path>", "apt: the vendor's keyring on the client")
    .option("--path <path>", "suricata-update: the rules' file below the mount")
    .option("--workdir <path>", "liveupdate-conf: the client's folder to work in")
    .option("--logfile <path>", "liveupdate-conf: the client's log")
    .option("--experimental", "liveupdate-conf: add hosts/N/url, which its maker never documented")
    .action((file: string, flags: ExportFlags) => perform((context) => exported(file, flags, context)));
  teach(command, {
    notes:
      "What a reader must know beside the file is said on the standard error. liveupdt-hst is refused: how LIVEUPDT.HST is\nwritten is documented nowhere.",
    examples: [
      ["ringfort hostfile export production.json --as agent --out /srv/ringfort-host-file.json", "for ringfort-agent"],
      ["ringfort hostfile export production.json --as freshclam --mount /clamav/", "lines for freshclam.conf"],
      [
        "ringfort hostfile export production.json --as apt --mount /debian/ --suite bookworm-security --component main --keyring /usr/share/keyrings/debian-archive-keyring.gpg",
        "a deb822 source",
      ],
      [
        "ringfort hostfile export production.json --as suricata-update --mount /et/ --path emerging.rules.tar.gz",
        "a command line",
      ],
    ],
    exits: [
      [EXIT.done, "written"],
      [EXIT.failure, "the host file is wrong, or holds what this kind cannot take"],
      [EXIT.usage, "no such kind, or an option that it needs is missing"],
    ],
  });
}

async function exported(written: string, flags: ExportFlags, context: CommandContext): Promise<Outcome> {
  const { cwd } = context.surroundings;
  const kind = kindOf(flags.as);
  const { value } = await readHostFile(path.resolve(cwd, written));
  refuseWrong(value);
  const result = HOST_FILE_WRITERS[kind](value, optionsOf(flags));
  const elsewhere = kind === "agent" ? [] : forElsewhere(value, flags.for ?? []);
  if (result.kind === "unfit") {
    const detail = [`${kind}: ${result.detail} (${result.code})`, ...elsewhere].join("\n");
    if (result.code === "option-missing" || result.code === "no-evidence") throw new UsageError(detail);
    throw new Failure("config.invalid", detail);
  }
  const { name, text } = result;
  const notes = [...result.notes, ...elsewhere];
  const file = flags.out === undefined ? null : path.resolve(cwd, flags.out);
  if (file !== null) await writeNew(file, text);
  const json = { kind, name, file, text, notes };
  if (context.options.json !== true)
    for (const note of notes) context.terminal.err(`note: ${quoteOutside(note, 500)}\n`);
  return { json, text: file === null ? text : `${kind} written to ${quoteOutside(file, 1_000)}\n`, exit: EXIT.done };
}

/** Only an agent reads where it is itself; every other client is told of the mirrors of one place. */
function forElsewhere(file: HostFile, addresses: readonly string[]): readonly string[] {
  const chosen = hostsFor(file, addresses);
  const others = file.hosts.filter((entry) => !chosen.includes(entry)).map(({ name }) => name);
  return others.length === 0 ? [] : [`left out, for they are meant for another subnet (--for): ${others.join(", ")}`];
}

function kindOf(written: string): HostFileKind {
  if (Object.hasOwn(HOST_FILE_WRITERS, written)) return written as HostFileKind;
  const meant = didYouMean(written, KINDS);
  const hint = meant === null ? "" : `: did you mean \`${meant}\`?`;
  throw new UsageError(`--as is one of ${KINDS.join(", ")}, not "${quoteOutside(written, 64)}"${hint}`);
}

function optionsOf(flags: ExportFlags): WriteOptions {
  const mount = flags.mount ?? "/";
  if (!/^\/(?:[A-Za-z0-9._-]+\/)*$/.test(mount) || /\/\.{1,2}\//.test(mount))
    throw new UsageError('--mount begins and ends with "/"');
  if (flags.path?.startsWith("/") === true) throw new UsageError("--path goes below the mount, and begins without /");
  return {
    addresses: flags.for ?? [],
    mount,
    suite: flags.suite ?? null,
    components: flags.component ?? [],
    keyring: flags.keyring ?? null,
    path: flags.path ?? null,
    workdir: flags.workdir ?? null,
    logfile: flags.logfile ?? null,
    privateMirror: flags.privateMirror === true,
    experimental: flags.experimental === true,
  };
}

/** Never over a file that is there: it is some client's configuration, and holds more than these lines. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx", flush: true });
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    const code = systemCode(cause);
    if (code === "EEXIST") throw new UsageError(`${quoteOutside(file, 1_000)} is there already: choose another name`);
    throw new Failure("store.io", `${file}: cannot be written (${code})`, { cause });
  }
}
