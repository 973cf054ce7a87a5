import path from "node:path";
import type { Command } from "commander";
import { EXIT, Failure, type Refusal } from "../../core/kernel/errors.ts";
import { RECALL_MOUNT, type Recall } from "../../core/model/recall.ts";
import { channelName } from "../../core/model/source.ts";
import { type MinisignKeyFile, minisignSignerOf } from "../../formats/signatures/key-file.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { realFolder, realPlace } from "../publish/folder-files.ts";
import { sequenceOf } from "../publish/publish-liveupdate.ts";
import { heldRecalls, type NewRecall, withRecall, writeRecalls } from "../publish/recalls.ts";
import { readKeyFile } from "../publish/signing-key.ts";
import { openTree, treeAt } from "../publish/tree.ts";
import { ensureSource, refuseOtherSource, syncSource, type TreeSource } from "../publish/tree-source.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

/** The source that carries recalls into the mirror. */
const SOURCE = "ringfort-recalls";

interface RecallOptions {
  readonly key: string;
  readonly into: string;
  readonly channel: string;
  readonly product: string;
  readonly version: string;
  readonly language: string;
  readonly from: string;
  readonly until?: string;
  readonly to: string;
  readonly reason: string;
  readonly publish?: boolean;
}

/** Signed orders to our own clients to go back: what a rollback cannot do by itself. */
export function addRecallCommands(program: Command, perform: Perform): void {
  const recall = program.command("recall").description("Take clients back from a bad update, by a signed order.");
  teach(
    recall
      .command("issue", { isDefault: true })
      .description("Issue a recall: clients that hold one of these sequences go back, and take none of them again.")
      .requiredOption("--key <file>", "a minisign key that the clients' host files hold as a recall key")
      .requiredOption("--into <tree>", "the tree of recalls on this disk: made at first, added to later")
      .requiredOption("--channel <channel>", "whose clients: those with this channel's host file")
      .requiredOption("--product <text>", "of which product, as its index has it")
      .requiredOption("--version <text>", "the product's version")
      .option("--language <text>", "its language", "SymAllLanguages")
      .requiredOption("--from <sequence>", "the first bad sequence")
      .option("--until <sequence>", "the last bad sequence (else the first)")
      .requiredOption("--to <sequence>", "the sequence to go back to")
      .requiredOption("--reason <text>", "why: clients show it")
      .option("--publish", `carry it to the channel: make the source ${SOURCE} if there is none, sync it, promote it`)
      .action((options: RecallOptions) => perform((context) => issue(options, context))),
    {
      examples: [
        [
          'ringfort recall issue --key recall.key --into /srv/recalls --channel production --product "Campus Tool" --version 1.0 --from 261125002 --to 261125001 --reason "does not start" --publish',
          "take every production client back from sequence 261125002",
        ],
        ["ringfort recall list --into /srv/recalls --key recall.key", "the recalls so far"],
      ],
      exits: [
        [EXIT.done, "issued, and with --publish shown by the channel"],
        [EXIT.usage, "the recall, the key or the tree will not do; nothing was written"],
        [EXIT.refused, "signed and written, but not shown by the channel"],
      ],
      notes:
        "`issue` may be left out. Roll the channel back first: a client that goes back takes the older package from the channel. A recall stays in force; " +
        "clients obey each serial once.",
    },
  );
  teach(
    recall
      .command("publish")
      .description("Carry the recalls of a tree to a channel, as --publish does, without issuing one.")
      .requiredOption("--into <tree>", "the tree of recalls")
      .requiredOption("--key <file>", "the key that signed them")
      .requiredOption("--channel <channel>", "the channel that shall show them")
      .action((options: RecallOptions) => perform((context) => publishAgain(options, context))),
    {
      examples: [
        [
          "ringfort recall publish --into /srv/recalls --key recall.key --channel production",
          "after the daemon was away",
        ],
      ],
    },
  );
  teach(
    recall
      .command("list")
      .description("The recalls that a tree holds.")
      .requiredOption("--into <tree>", "the tree of recalls")
      .requiredOption("--key <file>", "the key that signed them")
      .action(({ into, key }: Pick<RecallOptions, "into" | "key">) => perform((context) => list(into, key, context))),
    { examples: [["ringfort recall list --into /srv/recalls --key recall.key", "show them, the newest last"]] },
  );
}

/** For recalls that were issued while the daemon was away, or for one more channel. */
async function publishAgain(
  options: Pick<RecallOptions, "into" | "key" | "channel">,
  context: CommandContext,
): Promise<Outcome | Refusal> {
  const key = await recallKey(options.key, context);
  const place = await realFolder(path.resolve(context.surroundings.cwd, options.into));
  const { recalls } = await heldRecalls(treeAt(place), key.publicKey, context.terminal.now());
  if (recalls.length === 0) throw new UsageError("the tree holds no recall");
  const shown = await carry(place, key, options.channel, context);
  if ("kind" in shown) return shown;
  return { json: { tree: place, shown }, text: saidOf(shown), exit: EXIT.done };
}

function saidOf({ channel, url }: Shown): string {
  return `${channel} shows the recalls${url === null ? "" : ` at ${url}`}\n`;
}

async function issue(options: RecallOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const key = await recallKey(options.key, context);
  const wish = recallOf(options);
  const place = await realPlace(path.resolve(context.surroundings.cwd, options.into));
  const now = context.terminal.now();
  // All that can be wrong with it is looked for before a tree is made.
  withRecall(await heldRecalls(treeAt(place), key.publicKey, now), wish, now);
  if (options.publish === true) await refuseOtherSource(sourceOf(place, key), context);
  const tree = await openTree(place);
  let issued: Recall | undefined;
  try {
    const next = withRecall(await heldRecalls(tree, key.publicKey, now), wish, now);
    await writeRecalls(tree, next, minisignSignerOf(key));
    issued = next.recalls.at(-1);
  } finally {
    await tree.close();
  }
  const text = `recall ${issued?.serial ?? "?"} issued for ${wish.channel}: sequences ${wish.from} to ${wish.until} go back to ${wish.to}\n`;
  if (options.publish !== true) return { json: { tree: place, recall: issued, shown: null }, text, exit: EXIT.done };
  // Whatever becomes of the mirror's part: a recall has been signed, and its serial is gone.
  const tell = (): void => {
    if (context.options.json !== true) context.terminal.err(text);
  };
  const shown = await carry(place, key, wish.channel, context).catch((cause: unknown) => {
    tell();
    throw cause;
  });
  if ("kind" in shown) {
    tell();
    return shown;
  }
  return { json: { tree: place, recall: issued, shown }, text: text + saidOf(shown), exit: EXIT.done };
}

async function recallKey(file: string, context: CommandContext): Promise<MinisignKeyFile> {
  const key = await readKeyFile(path.resolve(context.surroundings.cwd, file));
  if (key.kind !== "minisign") throw new UsageError(`recalls are signed by a minisign key; this one is ${key.kind}`);
  return key;
}

function recallOf(options: RecallOptions): NewRecall {
  const { channel, product, version, language, reason } = options;
  if (!channelName.safeParse(channel).success) throw new UsageError("--channel is no name of a channel");
  const from = sequenceOf("--from", options.from);
  const until = options.until === undefined ? from : sequenceOf("--until", options.until);
  return { channel, product: { product, version, language }, from, until, to: sequenceOf("--to", options.to), reason };
}

interface Shown {
  readonly channel: string;
  readonly revision: number | null;
  readonly url: string | null;
}

function sourceOf(tree: string, key: MinisignKeyFile): TreeSource {
  return { name: SOURCE, mount: RECALL_MOUNT, tree, key, product: null };
}

/**
 * Brings the recalls to the channel. A revision passes through every channel before it; a recall names its own, and
 * clients of the others do not mind it.
 */
async function carry(
  tree: string,
  key: MinisignKeyFile,
  channel: string,
  context: CommandContext,
): Promise<Shown | Refusal> {
  const ensured = await ensureSource(sourceOf(tree, key), context);
  if (isRefusal(ensured)) return ensured;
  const synced = await syncSource(SOURCE, context);
  if (isRefusal(synced)) return synced;
  const before = await context.ask({ verb: "channels", source: SOURCE }, { silent: true });
  if (isRefusal(before)) return before;
  const last = before.positions.findIndex((position) => position.channel === channel);
  const newest = before.positions[0]?.revision ?? null;
  if (last === -1 || newest === null) throw new Failure("channel.unknown", `no channel ${channel}`);
  for (const { channel: each, revision } of before.positions.slice(1, last + 1)) {
    if (revision === newest) continue;
    const reason = `recalls for ${channel}`;
    const wish = { verb: "promote", source: SOURCE, channel: each, revision: newest, reason, by: context.by } as const;
    const moved = await context.ask(wish, { silent: true });
    if (isRefusal(moved)) return moved;
  }
  return { channel, revision: newest, url: before.positions[last]?.url ?? null };
}

async function list(into: string, keyFile: string, context: CommandContext): Promise<Outcome> {
  const key = await recallKey(keyFile, context);
  const place = await realFolder(path.resolve(context.surroundings.cwd, into));
  const { recalls, issuedAt } = await heldRecalls(treeAt(place), key.publicKey, context.terminal.now());
  const rows = recalls.map((each) => [
    each.serial,
    each.channel,
    `${each.product.product} ${each.product.version} ${each.product.language}`,
    `${each.from}-${each.until}`,
    each.to,
    timeAndDistance(each.issuedAt, context.terminal),
    each.reason,
  ]);
  const headings = ["SERIAL", "CHANNEL", "PRODUCT", "SEQUENCES", "BACK TO", "ISSUED", "REASON"];
  const text = rows.length === 0 ? "no recalls\n" : table(headings, rows, context.paint);
  return { json: { tree: place, issuedAt, recalls }, text, exit: EXIT.done };
}
