import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { LogVerifier, type SignedState } from "../core/audit/verify-log.ts";
import { onDisk } from "../core/kernel/disk.ts";
import { quoteOutside, type Refusal, refuse } from "../core/kernel/errors.ts";
import { openCheckpoint, splitNotes } from "../formats/transparency/checkpoint.ts";
import type { NoteVerifier } from "../formats/transparency/signed-note.ts";
import { treeHash } from "../formats/transparency/tree-hash.ts";
import { EXPORT_FILES } from "./audit-export.ts";

/** Bytes of one entry, and of a file of checkpoints. */
const MOST_LINE_BYTES = 4 * 1024 * 1024;
const MOST_NOTES_BYTES = 64 * 1024 * 1024;
/** Only its number is read of an entry: the tree vouches for the rest. */
const numbered = z.looseObject({ n: z.int().nonnegative() });

export interface Verified {
  readonly kind: "verified";
  readonly entries: number;
  /** Checkpoints that were compared: those of the export, and those that were kept elsewhere. */
  readonly checkpoints: number;
  readonly kept: number;
}

/**
 * Verifies an export with the public key alone: every checkpoint's signature, every entry's number, and the root over
 * the entries at every checkpoint; those in `keptFiles` were kept where the log is not. Throws `Failure` `store.*`.
 */
export async function verifyExport(
  folder: string,
  key: NoteVerifier,
  keptFiles: readonly string[],
): Promise<Verified | Refusal> {
  const own = await statesIn(path.join(folder, EXPORT_FILES.checkpoints), key);
  if ("code" in own) return own;
  const kept: SignedState[] = [];
  for (const file of keptFiles) {
    const states = await statesIn(file, key);
    if ("code" in states) return states;
    if (states.length === 0) return refuse("audit.malformed", `${quoteOutside(file, 300)} holds no checkpoint`);
    kept.push(...states);
  }
  const verifier = new LogVerifier(treeHash, [...own, ...kept]);
  const wrong = (await addEntries(verifier, path.join(folder, EXPORT_FILES.entries))) ?? verifier.end();
  if (wrong !== null) return wrong;
  return { kind: "verified", entries: verifier.size, checkpoints: own.length + kept.length, kept: kept.length };
}

async function statesIn(file: string, key: NoteVerifier): Promise<readonly SignedState[] | Refusal> {
  const shown = quoteOutside(file, 300);
  const { size } = await onDisk(`reading ${shown}`, () => stat(file));
  if (size > MOST_NOTES_BYTES) return refuse("audit.malformed", `${shown} is too large for checkpoints`);
  const notes = splitNotes(await onDisk(`reading ${shown}`, () => readFile(file, "utf8")));
  const states: SignedState[] = [];
  for (const [at, note] of notes.entries()) {
    const opened = openCheckpoint(note, key);
    if ("wrong" in opened) return refuse("audit.signature-wrong", `checkpoint ${at + 1} in ${shown}: ${opened.wrong}`);
    states.push({ label: `checkpoint ${at + 1} in ${shown}`, size: opened.size, root: opened.root });
  }
  return states;
}

async function addEntries(verifier: LogVerifier, file: string): Promise<Refusal | null> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  return onDisk("reading the entries", async () => {
    for await (const piece of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      let rest = piece as Buffer;
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        const wrong = addLine(verifier, Buffer.concat([...waiting, rest.subarray(0, end)]));
        if (wrong !== null) return wrong;
        rest = rest.subarray(end + 1);
        [waiting, bytes] = [[], 0];
      }
      bytes += rest.length;
      if (bytes > MOST_LINE_BYTES) return refuse("audit.malformed", `entry ${verifier.size} is too long`);
      if (rest.length > 0) waiting.push(rest);
    }
    return bytes > 0 ? refuse("audit.malformed", `entry ${verifier.size} is cut off`) : null;
  });
}

function addLine(verifier: LogVerifier, line: Buffer): Refusal | null {
  const n = numberOf(line.toString("utf8"));
  if (n === null) return refuse("audit.malformed", `where entry ${verifier.size} belongs stands no entry`);
  return verifier.add(line, n);
}

function numberOf(line: string): number | null {
  try {
    return numbered.safeParse(JSON.parse(line)).data?.n ?? null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}
