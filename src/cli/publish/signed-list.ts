import { quoteOutside } from "../../core/kernel/errors.ts";
import { type Instant, SECOND } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { inspectMinisign, readMinisignKeys } from "../../formats/signatures/minisign.ts";
import { type MinisignSigner, signMinisign } from "../../formats/signatures/write-minisign.ts";
import { UsageError } from "../report.ts";
import type { Tree } from "./tree.ts";

export const LIST = "SHA256SUMS";
export const LIST_SIGNATURE = `${LIST}.minisig`;

/** What a tree's checksum list said when this key last signed it. */
export interface HeldList {
  /** Path → SHA-256 in hexadecimal; empty before the first release, and after one that was cut off. */
  readonly digests: ReadonlyMap<string, string>;
  /** When it was signed; 0 before the first. */
  readonly signedAt: Instant;
}

/**
 * The list that a tree holds. One that another key has signed is refused: the sources that read the tree trust that key.
 * A list that its signature does not fit is what a stop between two renames leaves: it says nothing, and the signature's
 * time counts all the same, for the next must be later.
 */
export async function heldList(tree: Tree, signer: MinisignSigner, now: Instant): Promise<HeldList> {
  const [content, signature] = [
    await tree.read(LIST, LIMITS.indexBytes),
    await tree.read(LIST_SIGNATURE, LIMITS.signatureBytes),
  ];
  if (signature === null) {
    if (content !== null) throw new UsageError(`the tree holds a ${LIST} that nobody signed: choose an empty tree`);
    return { digests: new Map(), signedAt: 0 };
  }
  const keys = readMinisignKeys([signer.publicKey]);
  const finding = inspectMinisign({ keys, signature, content: content ?? new Uint8Array(), over: LIST });
  if (finding.status !== "good" && finding.signer !== signer.id)
    throw new UsageError(
      `the tree's ${LIST} is signed by the key ${quoteOutside(finding.signer)}, and --key is ${signer.id}: use that key, or another tree`,
    );
  const signedAt = finding.signedAt ?? timestampIn(signature);
  if (signedAt > now + LIMITS.clockTolerance)
    throw new UsageError(`the tree's ${LIST} was signed at a time ahead of this clock: set the clock`);
  return { digests: finding.status === "good" ? digestsIn(content ?? new Uint8Array()) : new Map(), signedAt };
}

/** Whole seconds, as trusted comments have them: later than the last, or a mirror takes the list for a replay. */
export function laterThan(last: Instant, now: Instant): Instant {
  return Math.max(Math.floor(now / SECOND), Math.floor(last / SECOND) + (last === 0 ? 0 : 1)) * SECOND;
}

/** The list's text and the signature over it. Paths are safe paths, which neither break a line nor need an escape. */
export function signedList(
  digests: ReadonlyMap<string, string>,
  signer: MinisignSigner,
  signedAt: Instant,
): { readonly list: Uint8Array; readonly signature: Uint8Array } {
  const paths = [...digests.keys()].toSorted();
  const list = Buffer.from(paths.map((path) => `${digests.get(path) ?? ""}  ${path}\n`).join(""));
  return { list, signature: signMinisign(signer, list, { signedAt, file: LIST }) };
}

/** Our own list, which its signature fits. */
function digestsIn(content: Uint8Array): ReadonlyMap<string, string> {
  const lines = Buffer.from(content).toString("utf8").split("\n");
  return new Map(lines.flatMap((line) => (line === "" ? [] : [[line.slice(66), line.slice(0, 64)] as const])));
}

function timestampIn(signature: Uint8Array): Instant {
  const [, seconds] = /^trusted comment: timestamp:(\d{1,11})\t/m.exec(Buffer.from(signature).toString("latin1")) ?? [];
  return Number(seconds ?? 0) * SECOND;
}
