import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { onDisk } from "../../core/kernel/disk.ts";
import { EXIT, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import type { Opening, Sealing } from "../../formats/backup/sealed.ts";
import { keysIn, makeBackup, passphraseIn, restoreBackup, unpackBackup } from "../backup-files.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";

interface SealOptions {
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly passphraseFile?: string;
}

interface OpenOptions {
  readonly identity?: string;
  readonly passphraseFile?: string;
}

interface RestoreOptions extends OpenOptions {
  readonly data?: string;
}

const RECIPIENT = /^age1[0-9a-z]+$/;
const IDENTITY = /^AGE-SECRET-KEY-[0-9A-Z-]+$/;

/** What cannot be fetched again: kept, verified, put back. */
export function addBackupCommands(program: Command, perform: Perform): void {
  const backup = program.command("backup").description("What cannot be fetched again: ledger, keys, configuration.");
  teach(
    backup
      .command("create <file>")
      .description(
        "Write an encrypted back-up of ledger, audit log, people, keys and configuration; also while the daemon runs.",
      )
      .option("--recipient <key...>", "who may open it: public keys of age (age1…)")
      .option("--recipients-file <file>", "the same, one a line")
      .option("--passphrase-file <file>", "a passphrase in its place")
      .action((file: string, options: SealOptions) => perform((context) => create(file, options, context))),
    {
      examples: [
        ["age-keygen -o backup.key", "once, and keep backup.key away from this machine"],
        ["ringfort backup create /mnt/elsewhere/ringfort.age --recipient age1…", "every night, from a timer"],
      ],
      notes:
        "Blobs are not in it: they are fetched again. Run it as root, who can read the signer's key, or where all processes have one user, as that. age itself opens the file too " +
        "(docs/store-format.md).",
    },
  );
  teach(
    openable(backup.command("verify <file>"))
      .description("Decrypt a back-up, read all of it and check its ledger. No daemon, no network, nothing is kept.")
      .option("--rehearsed", "record in the data folder that a back-up was found whole, for ringfort audit")
      .action((file: string, options: OpenOptions & { readonly rehearsed?: boolean }) =>
        perform((context) => verify(file, options, options.rehearsed === true, context)),
      ),
    { examples: [["ringfort backup verify ringfort.age --identity backup.key", "would it come back?"]] },
  );
  teach(
    openable(program.command("restore <file>"))
      .description("Put a back-up into an empty data folder.")
      .option("--data <folder>", "that folder, where there is no configuration yet to name it")
      .action((file: string, options: RestoreOptions) => perform((context) => restore(file, options, context))),
    {
      examples: [
        ["ringfort restore ringfort.age --identity backup.key", "on a new machine, before the daemon's first start"],
        [
          "ringfort restore ringfort.age --identity backup.key --data /var/lib/ringfort",
          "where nothing is configured yet",
        ],
        ["ringfort store check --repair", "then, with the daemon running: fetch every blob again"],
      ],
      exits: [[EXIT.refused, "the folder holds something, the key does not fit, or the back-up is damaged"]],
    },
  );
}

function openable(command: Command): Command {
  return command
    .option("--identity <file>", "a file with a private key of age")
    .option("--passphrase-file <file>", "a file with the passphrase");
}

async function sealingOf(options: SealOptions, at: (name: string) => string): Promise<Sealing> {
  const named = options.recipient ?? [];
  const wrong = named.find((key) => !RECIPIENT.test(key));
  if (wrong !== undefined) throw new UsageError(`"${quoteOutside(wrong)}" is no recipient of age (age1…)`);
  const listed = options.recipientsFile === undefined ? [] : await keysIn(at(options.recipientsFile), RECIPIENT);
  const recipients = [...named, ...listed];
  if (recipients.length > 0 === (options.passphraseFile !== undefined))
    throw new UsageError("say who may open it: --recipient or --recipients-file, or else --passphrase-file");
  return options.passphraseFile === undefined
    ? { recipients }
    : { passphrase: await passphraseIn(at(options.passphraseFile)) };
}

async function openingOf({ identity, passphraseFile }: OpenOptions, at: (name: string) => string): Promise<Opening> {
  if ((identity === undefined) === (passphraseFile === undefined))
    throw new UsageError("say what opens it: --identity or --passphrase-file");
  if (passphraseFile !== undefined) return { passphrase: await passphraseIn(at(passphraseFile)) };
  return { identities: await keysIn(at(identity ?? ""), IDENTITY) };
}

async function create(file: string, options: SealOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const at = (name: string): string => path.resolve(context.surroundings.cwd, name);
  const made = await makeBackup(context, at(file), await sealingOf(options, at));
  if (isRefusal(made)) return made;
  const names = made.files.map(({ name }) => name).join(", ");
  return {
    json: made,
    text: `${quoteOutside(file, 300)} holds ${names}\nnext: ringfort backup verify, where the key is\n`,
    exit: EXIT.done,
  };
}

async function verify(
  file: string,
  options: OpenOptions,
  rehearsed: boolean,
  context: CommandContext,
): Promise<Outcome | Refusal> {
  const at = (name: string): string => path.resolve(context.surroundings.cwd, name);
  const opening = await openingOf(options, at);
  const work = await onDisk("making a folder", () => mkdtemp(path.join(tmpdir(), "ringfort-verify-")));
  try {
    const unpacked = await unpackBackup(context, at(file), opening, work);
    if (isRefusal(unpacked)) return unpacked;
    if (rehearsed) {
      const { config } = await context.loadConfig();
      const note = JSON.stringify({ format: 1, at: context.terminal.now() });
      await onDisk("recording the rehearsal", () => writeFile(path.join(config.data, "rehearsed.json"), `${note}\n`));
    }
    const { manifest, revisions, auditEntries } = unpacked;
    const text = `whole: ${revisions} revisions, ${auditEntries} entries of the audit log, made ${new Date(manifest.madeAt).toISOString()}\n`;
    return { json: { ...manifest, revisions, auditEntries }, text, exit: EXIT.done };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function restore(file: string, options: RestoreOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const at = (name: string): string => path.resolve(context.surroundings.cwd, name);
  const restored = await restoreBackup(
    context,
    at(file),
    await openingOf(options, at),
    options.data === undefined ? null : at(options.data),
  );
  if (isRefusal(restored)) return restored;
  const text =
    `${restored.revisions} revisions are in ${quoteOutside(restored.data, 300)}; the configuration of then is ringfort.yaml.restored there\n` +
    "next: give the folder to the daemon's user, start the daemon, then ringfort store check --repair fetches every blob again\n";
  return { json: restored, text, exit: EXIT.done };
}
