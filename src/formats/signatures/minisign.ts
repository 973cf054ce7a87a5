import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";

/** A minisign public key: the id that it is found by, and the Ed25519 key. */
export interface MinisignKey {
  /** Upper-case hexadecimal without leading zeros, as minisign prints it. */
  readonly id: string;
  readonly key: KeyObject;
}

/** The DER of an Ed25519 public key up to the 32 bytes of the key itself (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Reads public keys: base64 of "Ed", key id (8 bytes, little-endian), Ed25519 key (32 bytes).
 *
 * @throws Failure `source.invalid` when one is not such a key.
 */
export function readMinisignKeys(keys: readonly string[]): readonly MinisignKey[] {
  return keys.map((text, at) => {
    const bytes = decodeBase64(text, 42);
    if (bytes === null || bytes.toString("latin1", 0, 2) !== "Ed")
      throw new Failure("source.invalid", `trust.keys[${at}] is no minisign public key`);
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes.subarray(10)]), format: "der", type: "spki" });
    return { id: printId(bytes.subarray(2, 10)), key };
  });
}

/**
 * What is to be seen of a minisign signature over `content`. `signedAt` comes from `timestamp:` in the trusted comment,
 * and only when that comment itself verifies. Never throws on what a stranger wrote.
 */
export function inspectMinisign(input: {
  readonly keys: readonly MinisignKey[];
  readonly signature: Uint8Array;
  readonly content: Uint8Array;
  /** The path of what is signed. */
  readonly over: string;
}): SignatureFinding {
  const finding = (
    status: SignatureFinding["status"],
    signer: string,
    detail: string,
    signedAt: number | null = null,
  ): SignatureFinding => ({
    scheme: "minisign",
    over: input.over,
    status,
    signer,
    signedAt,
    detail,
  });
  const parsed = parseSignature(input.signature);
  if (typeof parsed === "string") return finding("malformed", "", parsed);
  const keys = input.keys.filter(({ id }) => id === parsed.keyId);
  if (keys.length === 0) return finding("unknown-key", parsed.keyId, "");
  const signed = parsed.prehashed ? createHash("blake2b512").update(input.content).digest() : input.content;
  const key = keys.find((candidate) => verify(null, signed, candidate.key, parsed.signature));
  if (key === undefined) return finding("wrong", parsed.keyId, "");
  // The comment carries the time that old signatures are known by. Unless it is bound to this signature, one of
  // another file could be moved here.
  const bound = Buffer.concat([parsed.signature, parsed.trustedComment]);
  if (!verify(null, bound, key.key, parsed.globalSignature))
    return finding("wrong", parsed.keyId, "the trusted comment does not verify");
  const comment = parsed.trustedComment.toString("utf8");
  return finding("good", parsed.keyId, quoteOutside(comment, 200), signingTime(comment));
}

interface Parsed {
  readonly keyId: string;
  /** Whether the signature is over the BLAKE2b-512 of the file, and not over the file. */
  readonly prehashed: boolean;
  readonly signature: Buffer;
  readonly trustedComment: Buffer;
  readonly globalSignature: Buffer;
}

const UNTRUSTED = "untrusted comment: ";
const TRUSTED = "trusted comment: ";

/** The four lines of a signature file, or what is wrong with them. What stands behind them is not looked at. */
function parseSignature(bytes: Uint8Array): Parsed | string {
  // Latin-1 keeps every byte of the trusted comment as it was signed.
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("latin1")
    .split("\n", 4)
    .map((line) => line.replace(/\r+$/, ""));
  const [untrusted, packet, trusted, last] = lines;
  if (untrusted === undefined || !untrusted.startsWith(UNTRUSTED)) return "line 1 is no untrusted comment";
  const signature = decodeBase64(packet ?? "", 74);
  if (signature === null) return "line 2 is no signature";
  const algorithm = signature.toString("latin1", 0, 2);
  if (algorithm !== "Ed" && algorithm !== "ED") return `line 2 has the unknown algorithm ${quoteOutside(algorithm)}`;
  if (trusted === undefined || !trusted.startsWith(TRUSTED)) return "line 3 is no trusted comment";
  const globalSignature = decodeBase64(last ?? "", 64);
  if (globalSignature === null) return "line 4 is no signature";
  return {
    keyId: printId(signature.subarray(2, 10)),
    prehashed: algorithm === "ED",
    signature: signature.subarray(10),
    trustedComment: Buffer.from(trusted.slice(TRUSTED.length), "latin1"),
    globalSignature,
  };
}

/** Exactly so many bytes in their one spelling; Node alone would also read other alphabets and skip what it does not know. */
function decodeBase64(text: string, length: number): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length && bytes.toString("base64") === text ? bytes : null;
}

function printId(littleEndian: Uint8Array): string {
  return Buffer.from(littleEndian).readBigUInt64LE().toString(16).toUpperCase();
}

function signingTime(comment: string): number | null {
  const [, seconds] = /(?:^|[ \t,])timestamp:(\d{1,11})(?!\d)/.exec(comment) ?? [];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
