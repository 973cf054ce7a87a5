import { type NoteSigner, type NoteVerifier, openNote } from "./signed-note.ts";

/** How many leaves a log had, and the root over them (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** The log's own name. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

export function signCheckpoint({ origin, size, root }: Checkpoint, signer: NoteSigner): string {
  if (!Number.isSafeInteger(size) || size < 0 || root.length !== 32 || /[\n\r]/.test(origin) || origin === "")
    throw new RangeError("not a checkpoint");
  return signer.sign(`${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`);
}

/** The checkpoint in a note that this key has signed, or what is wrong with it. Its origin is the key's name. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | { readonly wrong: string } {
  const opened = openNote(note, verifier);
  if ("wrong" in opened) return opened;
  const [origin = "", size = "", root = ""] = opened.text.split("\n");
  const bytes = Buffer.from(root, "base64");
  // No leading zeros, and one spelling of the root: a checkpoint is compared as text by those who keep it.
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    return { wrong: "its size is no number" };
  if (bytes.length !== 32 || bytes.toString("base64") !== root) return { wrong: "its root is no hash" };
  if (origin !== verifier.name) return { wrong: "it is of another log" };
  return { origin, size: Number(size), root: bytes };
}

/** The notes of a file that holds one behind the other. */
export function splitNotes(text: string): readonly string[] {
  // A signature line begins with a dash that no other line begins with; behind the last of them the next note begins.
  return text
    .split(/(?<=\n\u2014 [^\n]*\n)(?!\u2014 )/u)
    .map((note) => note.replace(/^\n+/, ""))
    .filter((note) => note !== "");
}
