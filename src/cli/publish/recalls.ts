import * as z from "zod";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { RECALL_FILE, type Recall, type RecallList, recallList } from "../../core/model/recall.ts";
import { inspectMinisign, readMinisignKeys } from "../../formats/signatures/minisign.ts";
import { type MinisignSigner, signMinisign } from "../../formats/signatures/write-minisign.ts";
import { UsageError } from "../report.ts";
import { LIST, LIST_SIGNATURE, laterThan, signedList } from "./signed-list.ts";
import type { Tree, WritableTree } from "./tree.ts";

const RECALL_SIGNATURE = `${RECALL_FILE}.minisig`;

/**
 * The list and its signature in one file, which a single rename replaces. It is what the next recall goes on from: were
 * it the two files that clients read, a stop between their renames would leave a list that nobody signed, and whoever
 * forgot it would hand out serials that clients have obeyed before.
 */
const STATE = ".ringfort-recalls.json";
const state = z.strictObject({ list: z.string(), signature: z.string() });

/** A recall without what is only known when it is issued. */
export type NewRecall = Omit<Recall, "serial" | "issuedAt">;

/** The recalls that a tree holds, signed by this key; empty where there is no tree yet. Throws `UsageError` where another signed. */
export async function heldRecalls(tree: Tree, publicKey: string, now: Instant): Promise<RecallList> {
  const bytes = await tree.read(STATE, 2 * LIMITS.recallListBytes);
  if (bytes === null) {
    if ((await tree.sizeOf(LIST)) !== null || (await tree.sizeOf(RECALL_FILE)) !== null)
      throw new UsageError("the tree holds something else than recalls: choose another tree");
    return { format: "ringfort-recalls-1", issuedAt: 0, recalls: [] };
  }
  const held = readState(bytes);
  const content = Buffer.from(held.list);
  const signature = Buffer.from(held.signature);
  const keys = readMinisignKeys([publicKey]);
  const finding = inspectMinisign({ keys, signature, content, over: RECALL_FILE });
  if (finding.status !== "good")
    throw new UsageError(
      `the tree's recalls are signed by the key ${quoteOutside(finding.signer)} (${finding.status} for --key): use that key, or another tree`,
    );
  const list = recallList.parse(JSON.parse(held.list));
  if (list.issuedAt > now + LIMITS.clockTolerance)
    throw new UsageError("the tree's recalls were issued at a time ahead of this clock: set the clock");
  return list;
}

/** The list with one more recall: its serial is above every other, and its time later than the last. */
export function withRecall(held: RecallList, recall: NewRecall, now: Instant): RecallList {
  if (recall.until < recall.from) throw new UsageError("--until is below --from");
  if (recall.to >= recall.from) throw new UsageError("--to is not below --from: a recall takes clients back");
  const worse = held.recalls.find(
    (each) => isSameLine(each, recall) && recall.to >= each.from && recall.to <= each.until,
  );
  if (worse !== undefined)
    throw new UsageError(
      `--to ${recall.to} was itself recalled (serial ${worse.serial}): go back further, as to ${worse.to}`,
    );
  const issuedAt = laterThan(held.issuedAt, now);
  const serial = Math.max(0, ...held.recalls.map((each) => each.serial)) + 1;
  const list = recallList.safeParse({ ...held, issuedAt, recalls: [...held.recalls, { ...recall, serial, issuedAt }] });
  if (list.success) {
    // No client takes a longer one: the last recall would be the one that nobody reads.
    if (contentOf(list.data).length <= LIMITS.recallListBytes) return list.data;
    throw new UsageError("the list of recalls is full: begin a new tree with a new key, and tell it to the clients");
  }
  const [issue] = list.error.issues;
  throw new UsageError(`no such recall: ${issue?.path.slice(2).join(".") ?? ""} ${issue?.message ?? ""}`);
}

function isSameLine(one: NewRecall, other: NewRecall): boolean {
  const lineOf = ({ channel, product: { product, version, language } }: NewRecall): string =>
    JSON.stringify([channel, product, version, language]).toLowerCase();
  return lineOf(one) === lineOf(other);
}

/**
 * Writes the list as clients read it (`recalls.json` with its signature) and as a source does (a signed checksum list
 * over both). What this tool goes on from comes first.
 */
export async function writeRecalls(tree: WritableTree, list: RecallList, signer: MinisignSigner): Promise<void> {
  const content = contentOf(list);
  const signature = signMinisign(signer, content, { signedAt: list.issuedAt, file: RECALL_FILE });
  const held = JSON.stringify({ list: content.toString(), signature: Buffer.from(signature).toString() });
  const first = await tree.stage(STATE, Buffer.from(held));
  const files = [await tree.stage(RECALL_SIGNATURE, signature), await tree.stage(RECALL_FILE, content)];
  const digests = new Map(files.map(({ path, sha256 }) => [path, sha256] as const));
  const index = signedList(digests, signer, list.issuedAt);
  const last = [await tree.stage(LIST_SIGNATURE, index.signature), await tree.stage(LIST, index.list)];
  await tree.place([[first], files, last]);
}

function contentOf(list: RecallList): Buffer {
  return Buffer.from(`${JSON.stringify(list, null, 2)}\n`);
}

function readState(bytes: Uint8Array): z.infer<typeof state> {
  try {
    return state.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    throw new UsageError(`${STATE} in the tree is damaged: bring it back from a backup, for it holds the last serial`);
  }
}
