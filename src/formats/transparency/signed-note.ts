import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/**
 * Signed notes (C2SP signed-note): text, an empty line, and a line for each signature. Keys are Ed25519, with a name.
 */

/** Signature type 0x01 is Ed25519 (C2SP signed-note, "Signature types"). */
const ED25519 = 1;
/** Bytes of a note, and lines of signatures, that are looked at. */
const MOST_NOTE_BYTES = 64 * 1024;
const MOST_SIGNATURES = 64;
const SIGNATURE_LINE = /^\u2014 ([^\s+]{1,255}) ([A-Za-z0-9+/]{4,512}={0,2})$/u;

/** What a note is verified by: `name+hash+key`, as it is handed around. */
export interface NoteVerifier {
  readonly name: string;
  /** The first four bytes of SHA-256 over name and key: which of several keys of a name is meant. */
  readonly keyHash: Buffer;
  readonly key: KeyObject;
}

export interface NoteSigner {
  readonly verifier: string;
  /** The note over a text, which ends with a line feed. */
  sign(text: string): string;
}

/** A name may hold no blanks and no `+` (C2SP signed-note, "Format"). */
function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && !/[\s+\p{Cc}]/u.test(name);
}

/** `seed`: the 32 bytes of an Ed25519 private key (RFC 8032 section 5.1.5). */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  if (!isKeyName(name) || seed.length !== 32) throw new RangeError("not a name and a seed of 32 bytes");
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  const raw = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI.length);
  const typed = Buffer.concat([Buffer.of(ED25519), raw]);
  const hash = keyHash(name, typed);
  return {
    verifier: `${name}+${hash.toString("hex")}+${typed.toString("base64")}`,
    sign: (text) => {
      if (!isNoteText(text)) throw new RangeError("a note's text ends with a line feed and holds no controls");
      const signature = Buffer.concat([hash, sign(null, Buffer.from(text), key)]);
      return `${text}\n\u2014 ${name} ${signature.toString("base64")}\n`;
    },
  };
}

// The heads of PKCS #8 and SubjectPublicKeyInfo for Ed25519 (RFC 8410 sections 4 and 7).
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Reads `name+hash+key`; `null` when it is none. */
export function readVerifier(text: string): NoteVerifier | null {
  const [, name = "", hex = "", base64 = ""] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text.trim()) ?? [];
  const typed = Buffer.from(base64, "base64");
  if (!isKeyName(name) || typed.length !== 33 || typed[0] !== ED25519) return null;
  const hash = keyHash(name, typed);
  if (hash.toString("hex") !== hex) return null;
  const key = createPublicKey({ key: Buffer.concat([SPKI, typed.subarray(1)]), format: "der", type: "spki" });
  return { name, keyHash: hash, key };
}

function keyHash(name: string, typed: Uint8Array): Buffer {
  return createHash("sha256").update(`${name}\n`).update(typed).digest().subarray(0, 4);
}

/**
 * The text of a note that this key has signed, or what is wrong with it. Signatures by other keys are passed over; one
 * that names this key and does not verify makes the note a forgery, whatever stands beside it.
 */
export function openNote(note: string, verifier: NoteVerifier): { readonly text: string } | { readonly wrong: string } {
  if (Buffer.byteLength(note) > MOST_NOTE_BYTES) return { wrong: "it is too long for a note" };
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2).split("\n");
  if (split === -1 || !isNoteText(text) || lines.pop() !== "" || lines.length > MOST_SIGNATURES)
    return { wrong: "it is no signed note" };
  let signed = false;
  for (const line of lines) {
    const [, name, base64 = ""] = SIGNATURE_LINE.exec(line) ?? [];
    if (name === undefined) return { wrong: "a signature line is malformed" };
    const bytes = Buffer.from(base64, "base64");
    if (name !== verifier.name || !bytes.subarray(0, 4).equals(verifier.keyHash)) continue;
    if (!verify(null, Buffer.from(text), verifier.key, bytes.subarray(4)))
      return { wrong: "its signature does not verify" };
    signed = true;
  }
  return signed ? { text } : { wrong: `it is not signed by ${verifier.name}` };
}

function isNoteText(text: string): boolean {
  return text.length > 1 && text.endsWith("\n") && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}
