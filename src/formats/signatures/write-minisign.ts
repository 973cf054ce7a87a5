import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { Instant } from "../../core/kernel/instant.ts";

/** What minisign signatures are made with. */
export interface MinisignSigner {
  /** The base64 line that a source's `trust.keys` and `minisign -P` take. */
  readonly publicKey: string;
  /** As minisign prints it: upper-case hexadecimal, the last byte first, no leading zeros. */
  readonly id: string;
  /** Eight bytes that signatures name their key by. */
  readonly keyId: Uint8Array;
  readonly privateKey: KeyObject;
}

/** The DER of an Ed25519 private key up to the 32 bytes of the seed itself (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The signer of an Ed25519 seed (32 bytes, RFC 8032 section 5.1.5) and a key id (8 bytes). */
export function minisignSigner(seed: Uint8Array, keyId: Uint8Array): MinisignSigner {
  if (seed.length !== 32 || keyId.length !== 8) throw new RangeError("a seed has 32 bytes and a key id 8");
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const raw = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
  return {
    publicKey: Buffer.concat([Buffer.from("Ed"), keyId, raw]).toString("base64"),
    id: Buffer.from(keyId).readBigUInt64LE().toString(16).toUpperCase(),
    keyId,
    privateKey,
  };
}

/**
 * The `.minisig` file over `content`: the signature is over its BLAKE2b-512, and the trusted comment, which holds the
 * time and the file's name, is signed with it.
 */
export function signMinisign(
  signer: MinisignSigner,
  content: Uint8Array,
  options: {
    readonly signedAt: Instant;
    /** The name of the signed file, for the trusted comment. */
    readonly file: string;
    /** Stands instead of the time and the name. */
    readonly comment?: string;
    /** Signs the file itself, as old versions of minisign did. */
    readonly legacy?: boolean;
  },
): Uint8Array {
  const legacy = options.legacy === true;
  const seconds = Math.floor(options.signedAt / 1_000);
  const comment = options.comment ?? `timestamp:${seconds}\tfile:${options.file}${legacy ? "" : "\thashed"}`;
  if (/[\r\n]/.test(comment)) throw new RangeError("a trusted comment is one line");
  const signature = sign(null, legacy ? content : createHash("blake2b512").update(content).digest(), signer.privateKey);
  const bound = sign(null, Buffer.concat([signature, Buffer.from(comment)]), signer.privateKey);
  const packet = Buffer.concat([Buffer.from(legacy ? "Ed" : "ED"), signer.keyId, signature]);
  const lines = [
    `untrusted comment: signature from key ${signer.id}`,
    packet.toString("base64"),
    `trusted comment: ${comment}`,
    bound.toString("base64"),
  ];
  return Buffer.from(`${lines.join("\n")}\n`);
}
