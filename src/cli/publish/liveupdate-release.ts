import { createHash } from "node:crypto";
import type { Instant } from "../../core/kernel/instant.ts";
import type { IndexedPackage } from "../../formats/liveupdate/dialect.ts";
import { FLAG_CONTENT, FLAG_NAME, type Identity, indexName } from "../../formats/liveupdate/names.ts";
import { writeIndex } from "../../formats/liveupdate/write-index.ts";
import { writePackage } from "../../formats/liveupdate/write-package.ts";
import type { CmsSigner } from "../../formats/signatures/write-cms.ts";
import { packageName } from "./release-names.ts";

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** A program: whoever unpacks it may run it. */
  readonly executable?: boolean;
}

/** A package that the tree holds and its index names, with its bytes. */
export interface HeldPackage {
  readonly entry: IndexedPackage;
  readonly bytes: Uint8Array;
}

export interface ReleaseInput {
  readonly identity: Identity;
  readonly sequence: number;
  /** Later than any guard before it. */
  readonly at: Instant;
  readonly files: readonly NamedBytes[];
  /** What the tree holds of this product. */
  readonly held: readonly HeldPackage[];
  /** The newest full package's files before this release, each as `markOf` has it; `null` for the first. */
  readonly before: { readonly sequence: number; readonly marks: ReadonlyMap<string, string> } | null;
  /** Full packages in the index, this one counted. */
  readonly keep: number;
  readonly deltas: boolean;
  readonly legal: string;
  readonly signer: CmsSigner;
  readonly embed: readonly Uint8Array[];
}

/** A release, ready to be written: the packages first, then the index, the flag last (liveupdate.md section 3). */
export interface Release {
  readonly packages: readonly NamedBytes[];
  readonly index: NamedBytes;
  readonly flag: NamedBytes;
  /** Everything that the new index names. */
  readonly listed: readonly IndexedPackage[];
}

/** Makes a release: a full package, a delta where one pays, and the index over them and over what is kept. Pure. */
export function makeRelease(input: ReleaseInput): Release {
  const { identity, signer, embed, legal, at } = input;
  const full = packed(input, null, input.files);
  const delta = deltaOf(input, full.bytes.length);
  const made = delta === null ? [full] : [full, delta];
  const all = [...keptOf(input), ...made];
  const listed = all.map(({ entry }) => entry).toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
  const sideFiles = all.map(({ entry, bytes }) => ({ name: entry.file, bytes }));
  const index = writeIndex({ packages: listed, sideFiles, signer, embed, at, legal });
  return {
    packages: made.map(({ entry, bytes }) => ({ name: entry.file, bytes })),
    index: { name: indexName(identity), bytes: index },
    flag: { name: FLAG_NAME, bytes: Buffer.from(FLAG_CONTENT) },
    listed,
  };
}

function packed(input: ReleaseInput, from: number | null, files: readonly NamedBytes[]): HeldPackage {
  const { identity, sequence, signer, embed, legal, at } = input;
  const bytes = writePackage({ files, signer, embed, at, legal });
  const hex = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
  const entry = {
    identity,
    item: "",
    sequence,
    from,
    file: packageName(identity, sequence, from, at),
    size: bytes.length,
    sha1: hex("sha1"),
    sha256: hex("sha256"),
    urls: [],
  };
  return { entry, bytes };
}

/**
 * A delta is laid over the files of the sequence before: it holds the changed and the new ones. What it cannot say is
 * that a file has gone, and one that is nearly as large as the whole is no gain.
 */
function deltaOf(input: ReleaseInput, fullBytes: number): HeldPackage | null {
  const { before, files } = input;
  if (!input.deltas || before === null || input.keep < 2) return null;
  const names = new Set(files.map(({ name }) => name));
  if ([...before.marks.keys()].some((name) => !names.has(name))) return null;
  const changed = files.filter((file) => before.marks.get(file.name) !== markOfFile(file));
  if (changed.length === 0 || changed.length === files.length) return null;
  const delta = packed(input, before.sequence, changed);
  return delta.bytes.length * 10 < fullBytes * 9 ? delta : null;
}

/** The newest full packages, one place left for the new one, and the deltas whose both ends are among them. */
function keptOf({ held, keep }: ReleaseInput): readonly HeldPackage[] {
  const fulls = held
    .filter(({ entry }) => entry.from === null)
    .toSorted((a, b) => (b.entry.sequence ?? 0) - (a.entry.sequence ?? 0))
    .slice(0, keep - 1);
  const sequences = new Set(fulls.map(({ entry }) => entry.sequence));
  const deltas = held.filter(
    ({ entry }) => entry.from !== null && sequences.has(entry.from) && sequences.has(entry.sequence),
  );
  return [...fulls, ...deltas];
}

/** Whether the files are those of the release before, to the byte and the right to run: then there is nothing to publish. */
export function sameFiles(files: readonly NamedBytes[], before: ReleaseInput["before"]): boolean {
  if (before === null || before.marks.size !== files.length) return false;
  return files.every((file) => before.marks.get(file.name) === markOfFile(file));
}

/** All of a file that a release carries beside its name: a program that has become one is a change. */
export function markOf(sha256: string, executable: boolean): string {
  return executable ? `${sha256} executable` : sha256;
}

function markOfFile({ bytes, executable = false }: NamedBytes): string {
  return markOf(createHash("sha256").update(bytes).digest("hex"), executable);
}
