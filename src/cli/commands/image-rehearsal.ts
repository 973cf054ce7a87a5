import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { readRehearsal, rehearsalOf } from "../../core/image/rehearsal.ts";
import { judgeRunningRoot } from "../../core/image/running-root.ts";
import { onDisk } from "../../core/kernel/disk.ts";
import { EXIT, quoteOutside, type Refusal, refuse } from "../../core/kernel/errors.ts";
import { formatDuration, SECOND } from "../../core/kernel/instant.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { IMAGE_REHEARSED, lastCheck } from "../product-facts.ts";
import { keyFrom } from "../publish/believed-key.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";

interface RehearseOptions {
  readonly key: string;
  readonly write: string;
}

/** That an image brings a mirror back: shown on an empty machine, remembered on the one that serves. */
export function addRehearsalCommands(image: Command, perform: Perform): void {
  teach(
    image
      .command("rehearse <manifest>")
      .description("On a machine that came back from an image: show that it did, and write a record of it.")
      .requiredOption("--key <key>", "the minisign public key that you believe, or a file that holds it")
      .requiredOption("--write <file>", "the new file for the record")
      .action((manifest: string, options: RehearseOptions) =>
        perform((context) => rehearse(manifest, options, context)),
      ),
    {
      examples: [
        ["ringfort image rehearse manifest.json --key RWQ… --write rehearsal.json", "after the refill, as root"],
      ],
      notes:
        "The running root must be that of the manifest, the store read since the boot with every blob whole, and a channel must show something.",
      exits: [
        [EXIT.refused, "one of these does not hold: there is no record"],
        [EXIT.later, "the kernel does not tell what the root is: there is no record"],
      ],
    },
  );
  teach(
    image
      .command("rehearsed <record>")
      .description("On the machine that serves: remember a rehearsal, for ringfort audit (REC-01).")
      .action((record: string) => perform((context) => rehearsed(record, context))),
    { examples: [["ringfort image rehearsed rehearsal.json", "as the daemon's user"]] },
  );
}

async function rehearse(
  manifest: string,
  { key, write }: RehearseOptions,
  context: CommandContext,
): Promise<Outcome | Refusal> {
  const { surroundings, terminal } = context;
  const at = (name: string): string => path.resolve(surroundings.cwd, name);
  const image = await surroundings.images.manifest(at(manifest), [await keyFrom(key, at)]);
  if (isRefusal(image)) return image;
  const { kind, said } = judgeRunningRoot(await surroundings.images.runningRoot(), image);
  if (kind === "fail") return refuse("image.not-running", said);
  if (kind !== "pass") return { json: { record: null, said }, text: `UNKNOWN: ${said}\n`, exit: EXIT.later };
  const status = await context.ask({ verb: "status" }, { silent: true });
  if (isRefusal(status)) return status;
  const now = terminal.now();
  const record = rehearsalOf(image, {
    now,
    by: surroundings.version,
    bootedAt: now - surroundings.images.uptime(),
    storeChecked: await lastCheck(context),
    shown: status.positions.flatMap(({ channel, source, revision }) =>
      revision === null ? [] : [{ channel, source, revision }],
    ),
  });
  if (isRefusal(record)) return record;
  await onDisk("writing the record", () =>
    writeFile(at(write), `${JSON.stringify(record, null, 2)}\n`, { flag: "wx", mode: 0o644 }),
  );
  const text =
    `${image.name} brought the mirror back: every blob whole ${formatDuration(record.seconds * SECOND)} after the kernel's start\n` +
    `next: on the machine that serves, ringfort image rehearsed ${quoteOutside(write, 300)}\n`;
  return { json: { record }, text, exit: EXIT.done };
}

/** Bytes of a record. */
const MOST_RECORD = 16 * 1_024 * 1_024;

async function rehearsed(file: string, context: CommandContext): Promise<Outcome | Refusal> {
  const { surroundings, terminal } = context;
  const bytes = await readFile(path.resolve(surroundings.cwd, file)).catch((cause: unknown) => {
    throw new UsageError(`the record cannot be read (${systemCode(cause)})`);
  });
  if (bytes.length > MOST_RECORD) throw new UsageError("the file is too large for a record");
  const record = readRehearsal(bytes.toString("utf8"), terminal.now());
  if (isRefusal(record)) return record;
  const { config } = await context.loadConfig();
  const note = JSON.stringify({ format: 1, at: record.at });
  await onDisk("remembering the rehearsal", () => writeFile(path.join(config.data, IMAGE_REHEARSED), `${note}\n`));
  const text = `remembered: ${record.image.name} brought the mirror back at ${new Date(record.at).toISOString()}\n`;
  return { json: { record }, text, exit: EXIT.done };
}
