import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import * as openpgp from "openpgp";

/** A test vendor's minisign key pair. */
export interface MinisignVendor {
  /** The base64 line that a source's `trust.keys` takes. */
  readonly publicKey: string;
  /** As minisign prints it: upper-case hexadecimal, the last byte first, no leading zeros. */
  readonly id: string;
  readonly keyId: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Makes a minisign key pair; `keyId` gives its eight bytes, so that a test can make two keys of one id. */
export function makeMinisignVendor(keyId: Uint8Array = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])): MinisignVendor {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    publicKey: Buffer.concat([Buffer.from("Ed"), keyId, raw]).toString("base64"),
    id: Buffer.from(keyId).readBigUInt64LE().toString(16).toUpperCase(),
    keyId,
    privateKey,
  };
}

/**
 * The text of a `.minisig` file over `content`. `signedAt` is in milliseconds since 1970; `legacy` signs the file itself
 * where minisign today signs its BLAKE2b-512.
 */
export function signMinisign(
  vendor: MinisignVendor,
  content: Uint8Array,
  options: { readonly signedAt: number; readonly legacy?: boolean; readonly comment?: string },
): string {
  const legacy = options.legacy === true;
  const signature = sign(null, legacy ? content : createHash("blake2b512").update(content).digest(), vendor.privateKey);
  const comment = options.comment ?? `timestamp:${Math.floor(options.signedAt / 1_000)}\tfile:list`;
  const bound = sign(null, Buffer.concat([signature, Buffer.from(comment)]), vendor.privateKey);
  const packet = Buffer.concat([Buffer.from(legacy ? "Ed" : "ED"), vendor.keyId, signature]);
  return `untrusted comment: test vendor\n${packet.toString("base64")}\ntrusted comment: ${comment}\n${bound.toString("base64")}\n`;
}

/** A test vendor's OpenPGP key pair. */
export interface OpenpgpVendor {
  /** The armoured block that a source's `trust.keys` takes. */
  readonly publicKey: string;
  /** Of the primary key, upper-case hexadecimal: the signer's name in findings. */
  readonly fingerprint: string;
  readonly privateKey: openpgp.PrivateKey;
}

/** Makes an Ed25519 key born at `born` (milliseconds since 1970) that lasts `lasts` seconds, or for ever. */
export async function makeOpenpgpVendor(options: {
  readonly born: number;
  readonly lasts?: number;
  readonly signingSubkey?: boolean;
}): Promise<OpenpgpVendor> {
  const { privateKey } = await openpgp.generateKey({
    format: "object",
    type: "ecc",
    curve: "ed25519Legacy",
    userIDs: [{ name: "Test vendor", email: "vendor@example.org" }],
    date: new Date(options.born),
    keyExpirationTime: options.lasts ?? 0,
    subkeys: options.signingSubkey === true ? [{ sign: true }] : [],
  });
  return {
    publicKey: privateKey.toPublic().armor(),
    fingerprint: privateKey.getFingerprint().toUpperCase(),
    privateKey,
  };
}

/** A detached signature by one or several vendors, binary. */
export async function signDetached(
  vendors: readonly OpenpgpVendor[],
  content: Uint8Array,
  signedAt: number,
): Promise<Uint8Array> {
  const message = await openpgp.createMessage({ binary: content });
  const signingKeys = vendors.map(({ privateKey }) => privateKey);
  return openpgp.sign({ message, signingKeys, detached: true, format: "binary", date: new Date(signedAt) });
}

/** The same as armoured text. */
export async function signDetachedArmoured(
  vendors: readonly OpenpgpVendor[],
  content: Uint8Array,
  signedAt: number,
): Promise<string> {
  return (await openpgp.readSignature({ binarySignature: await signDetached(vendors, content, signedAt) })).armor();
}

/** The text framed and signed in the clear (RFC 9580 section 7). */
export async function signCleartext(
  vendors: readonly OpenpgpVendor[],
  text: string,
  signedAt: number,
): Promise<string> {
  const message = await openpgp.createCleartextMessage({ text });
  return openpgp.sign({ message, signingKeys: vendors.map(({ privateKey }) => privateKey), date: new Date(signedAt) });
}
