import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import { errnoOf, onDisk } from "../../core/kernel/disk.ts";
import { quoteOutside, type Refusal, type RefusalCode, refuse } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { pathFault } from "../../core/kernel/safe-path.ts";
import { inspectMinisign, type MinisignKey } from "../../formats/signatures/minisign.ts";
import { fileDigest } from "../file-digest.ts";
import { LIST, LIST_SIGNATURE } from "./signed-list.ts";
import { treeAt } from "./tree.ts";

export interface VerifyWish {
  /** Absolute. */
  readonly folder: string;
  readonly key: MinisignKey;
  /** Paths of the list that are asked for; none: all of it, and nothing else may lie there. */
  readonly files: readonly string[];
  readonly progress: (done: number, total: number) => void;
}

export interface VerifiedDirectory {
  /** The key's id as minisign prints it. */
  readonly signer: string;
  /** When the list was signed, as its signer says. */
  readonly signedAt: Instant | null;
  /** What was hashed and is as listed. */
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

/** One line of a list as `ringfort publish` and coreutils write it. */
const LINE = /^([0-9a-f]{64}) [ *](.+)$/;
/** Faults that a message names; the rest is counted. */
const NAMED = 5;

/**
 * Whether a folder is what the holder of a key has published with `--as directory`: the list's signature first, then each
 * listed file. Nothing of the list is used before its signature was good. Throws `Failure` `store.*`.
 */
export async function verifyDirectory(wish: VerifyWish): Promise<VerifiedDirectory | Refusal> {
  const tree = treeAt(wish.folder);
  const content = await tree.read(LIST, LIMITS.indexBytes);
  const signature = await tree.read(LIST_SIGNATURE, LIMITS.signatureBytes);
  if (content === null || signature === null)
    return refuse("release.unsigned", `there is no ${content === null ? LIST : LIST_SIGNATURE}`);
  const finding = inspectMinisign({ keys: [wish.key], signature, content, over: LIST });
  if (finding.status === "unknown-key")
    return refuse("release.signer-unknown", `${LIST} is signed by ${finding.signer}, and --key is ${wish.key.id}`);
  if (finding.status !== "good")
    return refuse("release.signature-wrong", `${LIST_SIGNATURE}: ${finding.detail || finding.status}`);
  const listed = readList(content);
  if (typeof listed === "string") return refuse("release.malformed", `${LIST}, ${listed}`);
  const faults = new Map<string, RefusalCode>();
  const wanted = wish.files.length === 0 ? [...listed.keys()] : wish.files;
  const files: { readonly path: string; readonly sha256: string }[] = [];
  for (const [at, name] of wanted.entries()) {
    wish.progress(at, wanted.length);
    const sha256 = listed.get(name);
    const fault = sha256 === undefined ? "release.file-unlisted" : await faultOf(wish.folder, name, sha256);
    if (fault !== null) faults.set(name, fault);
    else files.push({ path: name, sha256: sha256 ?? "" });
  }
  if (wish.files.length === 0)
    for (const name of await unlisted(wish.folder, listed)) faults.set(name, "release.file-unlisted");
  const worst = worstOf(faults);
  return worst ?? { signer: finding.signer, signedAt: finding.signedAt, files };
}

/** Path → SHA-256, or which line is wrong. The list is signed by the key that is believed; it is read strictly all the same. */
function readList(content: Uint8Array): ReadonlyMap<string, string> | string {
  const lines = Buffer.from(content).toString("utf8").split("\n");
  const listed = new Map<string, string>();
  for (const [at, line] of lines.entries()) {
    if (line === "" && at === lines.length - 1) break;
    const [, sha256, name] = LINE.exec(line) ?? [];
    if (sha256 === undefined || name === undefined) return `line ${at + 1}: no SHA-256 and name`;
    if (pathFault(name) !== null) return `line ${at + 1}: ${quoteOutside(name)} (${pathFault(name) ?? ""})`;
    if (listed.has(name)) return `line ${at + 1}: ${quoteOutside(name)} stands there twice`;
    if (listed.size === LIMITS.feedNames) return `line ${at + 1}: more than ${LIMITS.feedNames} names`;
    listed.set(name, sha256);
  }
  return listed.size === 0 ? "which names nothing" : listed;
}

async function faultOf(folder: string, name: string, sha256: string): Promise<RefusalCode | null> {
  const file = path.join(folder, ...name.split("/"));
  // A link, in the place of a folder too, is looked through by whoever installs the file, and may lead elsewhere by then.
  for (let at = path.posix.dirname(name); at !== "."; at = path.posix.dirname(at))
    if ((await entryAt(path.join(folder, ...at.split("/"))))?.isSymbolicLink() === true) return "release.file-differs";
  const entry = await entryAt(file);
  if (entry?.isFile() !== true) return entry === null ? "release.file-missing" : "release.file-differs";
  return (await onDisk(`reading ${name}`, () => fileDigest(file, "refuse"))).sha256 === sha256
    ? null
    : "release.file-differs";
}

async function entryAt(file: string): Promise<Stats | null> {
  return await onDisk("looking at a file", () =>
    lstat(file).catch((cause: unknown) => {
      if (["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return null;
      throw cause;
    }),
  );
}

/** What lies in the folder and is not listed, in order; some of it is enough. */
async function unlisted(folder: string, listed: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const folders = new Set<string>();
  for (const name of listed.keys())
    for (let at = path.posix.dirname(name); at !== "."; at = path.posix.dirname(at)) folders.add(at);
  const found: string[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(path.join(folder, ...below.split("/")), { withFileTypes: true })) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && folders.has(name)) await walk(name);
      else if (!listed.has(name) && name !== LIST && name !== LIST_SIGNATURE) found.push(name);
      if (found.length > NAMED) return;
    }
  };
  await onDisk("reading the folder", () => walk(""));
  return found.toSorted();
}

/** One no for all of them: what differs comes before what is missing, and that before what is too much. */
function worstOf(faults: ReadonlyMap<string, RefusalCode>): Refusal | null {
  for (const code of ["release.file-differs", "release.file-missing", "release.file-unlisted"] as const) {
    const names = [...faults].flatMap(([name, fault]) => (fault === code ? [name] : []));
    if (names.length === 0) continue;
    const shown = names.slice(0, NAMED).map((name) => quoteOutside(name, 200));
    const more = names.length > NAMED ? " and more" : "";
    return refuse(code, `${shown.join(", ")}${more}`);
  }
  return null;
}
