import path from "node:path";
import { type Command, Option } from "commander";
import { EXIT, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import { formatSize } from "../../core/kernel/size.ts";
import { sourceName } from "../../core/model/source.ts";
import type { KeyFile } from "../../formats/signatures/key-file.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { progressLine } from "../progress-line.ts";
import { realFolder, realPlace } from "../publish/folder-files.ts";
import { publishDirectory } from "../publish/publish-directory.ts";
import { publishLiveupdate, sequenceOf } from "../publish/publish-liveupdate.ts";
import type { Published, PublishInput } from "../publish/published.ts";
import { readKeyFile } from "../publish/signing-key.ts";
import { refuseNested } from "../publish/tree.ts";
import { type Ensured, ensureSource, refuseOtherSource, syncSource, type TreeSource } from "../publish/tree-source.ts";
import { UsageError } from "../report.ts";

interface PublishOptions {
  readonly into: string;
  readonly key: string;
  readonly as: "directory" | "liveupdate";
  readonly product?: string;
  readonly version?: string;
  readonly language?: string;
  readonly sequence?: string;
  readonly keep?: string;
  readonly deltas: boolean;
  readonly legal?: string;
  readonly source?: string;
  readonly preview?: boolean;
}

/** Content of our own: a signed upstream on disk, which a source reads like any vendor's. */
export function addPublishCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("publish <folder>")
      .description("Publish a folder of your own, signed: write it into a tree that a source reads like a vendor's.")
      .requiredOption("--into <tree>", "the tree on this disk: made at first, added to later")
      .requiredOption("--key <file>", "the key that signs: x509 for liveupdate, minisign for directory")
      .addOption(
        new Option("--as <format>", "the form: plain files under a signed list, or a LiveUpdate package with its index")
          .choices(["directory", "liveupdate"])
          .makeOptionMandatory(),
      )
      .option("--product <text>", "liveupdate: whose update it is")
      .option("--version <text>", "liveupdate: the product's version, as clients have it")
      .option("--language <text>", "liveupdate: its language (else SymAllLanguages, which is all)")
      .option("--sequence <number>", "liveupdate: the sequence (else YYMMDD and the release of that day, 001 on)")
      .option("--keep <count>", "liveupdate: full packages that stay in the index (else 3)")
      .option("--no-deltas", "liveupdate: no package of the changed files alone")
      .option("--legal <text>", "liveupdate: the line that stands in the guards (else the key's name)")
      .option("--source <name>", "carry it into the mirror: make this source if there is none, and sync it")
      .option("--preview", "say what would be written, and write nothing")
      .action((folder: string, options: PublishOptions) => perform((context) => publish(folder, options, context))),
    {
      examples: [
        [
          'ringfort publish build/ --into /srv/campus --key campus.key --as liveupdate --product "Campus Tool" --version 1.0 --source campus',
          "from a folder to staging, in one command",
        ],
        ["ringfort publish files/ --into /srv/files --key files.key --as directory --preview", "look first"],
      ],
      exits: [
        [EXIT.done, "published, or nothing to publish"],
        [EXIT.usage, "the folder, the key or the tree will not do; nothing was written"],
        [EXIT.refused, "written, but the mirror refused it: every channel stands where it stood"],
      ],
      notes:
        "Everything is whole on the disk before anything names it: packages, then the index by a rename, the flag last. A directory " +
        "has no versions; a reader that meets it half renewed sees a digest that differs, takes nothing, and comes again.",
    },
  );
}

async function publish(folder: string, options: PublishOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const { cwd } = context.surroundings;
  if (options.source !== undefined && !sourceName.safeParse(options.source).success)
    throw new UsageError("--source is 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -");
  const key = await readKeyFile(path.resolve(cwd, options.key));
  const from = await realFolder(path.resolve(cwd, folder));
  const tree = await realPlace(path.resolve(cwd, options.into));
  refuseNested(tree, from);
  const line = progressLine(context.terminal, false);
  const now = context.terminal.now();
  const common = {
    folder: from,
    tree,
    now,
    preview: options.preview === true,
    progress: (phase: string, done: number, total: number) =>
      line.show({ kind: "progress", phase, done, total, unit: "files" }),
  } as const;
  const { write, product } = releaseOf(common, key, options);
  const { source } = options;
  if (source !== undefined) await refuseOtherSource({ name: source, tree, key, product }, context);
  const written = await write().finally(() => line.clear());
  const tell = (): void => {
    if (context.options.json !== true) context.terminal.err(said(written, tree, false));
  };
  // Whatever becomes of the mirror's part: the tree has been written.
  const carried =
    source === undefined || common.preview
      ? null
      : await carry({ name: source, tree, key, product }, context).catch((cause: unknown) => {
          tell();
          throw cause;
        });
  if (carried !== null && isRefusal(carried)) {
    tell();
    return carried;
  }
  return {
    json: { tree, as: options.as, preview: common.preview, ...written, source: carried },
    text: said(written, tree, common.preview) + (carried === null ? "" : saidOfSource(carried)),
    exit: EXIT.done,
  };
}

/** What is to be published, the flags judged; nothing is written before `write`. */
function releaseOf(
  common: PublishInput,
  key: KeyFile,
  options: PublishOptions,
): { readonly write: () => Promise<Published>; readonly product: TreeSource["product"] } {
  if (options.as === "directory") {
    const misplaced = (["product", "version", "language", "sequence", "keep", "legal"] as const).find(
      (flag) => options[flag] !== undefined,
    );
    if (misplaced !== undefined) throw new UsageError(`--${misplaced} belongs to --as liveupdate`);
    if (key.kind !== "minisign")
      throw new UsageError(`--as directory is signed by a minisign key; this one is ${key.kind}`);
    return { write: () => publishDirectory({ ...common, key }), product: null };
  }
  if (key.kind !== "x509") throw new UsageError(`--as liveupdate is signed by an x509 key; this one is ${key.kind}`);
  const { product, version } = options;
  if (product === undefined || version === undefined)
    throw new UsageError("--as liveupdate needs --product and --version");
  const identity = { product, version, language: options.language ?? "SymAllLanguages" };
  const wish = {
    ...common,
    key,
    identity,
    sequence: options.sequence === undefined ? null : sequenceOf("--sequence", options.sequence),
    keep: keepOf(options.keep),
    deltas: options.deltas,
    legal: options.legal ?? `Published by ${key.name}`,
  };
  return { write: () => publishLiveupdate(wish), product: identity };
}

function keepOf(text: string | undefined): number {
  if (text === undefined) return 3;
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new UsageError("--keep is a number from 1 to 999");
  return Number(text);
}

type Carried = Ensured & Pick<Results["sync"], "run" | "channel">;

async function carry(wish: TreeSource, context: CommandContext): Promise<Carried | Refusal> {
  const ensured = await ensureSource(wish, context);
  if (isRefusal(ensured)) return ensured;
  const synced = await syncSource(wish.name, context);
  return isRefusal(synced) ? synced : { ...ensured, run: synced.run, channel: synced.channel };
}

function said({ write, remove, same, sequence }: Published, tree: string, preview: boolean): string {
  if (write.length === 0 && remove.length === 0) return "nothing to publish: the tree holds exactly this\n";
  const head = `${preview ? "would write" : "wrote"} to ${quoteOutside(tree, 500)}${sequence === null ? "" : `: sequence ${sequence}`}\n`;
  const shown = write.slice(0, 20).map((file) => `  ${quoteOutside(file.path, 300)} (${formatSize(file.size)})\n`);
  if (write.length > 20) shown.push(`  and ${write.length - 20} more\n`);
  const gone = remove.slice(0, 20).map((file) => `  without ${quoteOutside(file, 300)}\n`);
  if (remove.length > 20) gone.push(`  and without ${remove.length - 20} more\n`);
  return head + shown.join("") + gone.join("") + (same === 0 ? "" : `  ${same} as before\n`);
}

function saidOfSource({ source, made, changed, run, channel }: Carried): string {
  const what = made ? `source ${source} made; ` : changed ? `source ${source} now takes this product too; ` : "";
  if (run.outcome === "nothing-new") return `${what}${source}: nothing new\n`;
  const moved = channel === null ? "no channel moved" : `${channel} shows it`;
  return `${what}${source}: revision ${run.revision ?? "?"} sealed; ${moved}\n`;
}
