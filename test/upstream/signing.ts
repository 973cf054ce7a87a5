import { randomBytes } from "node:crypto";
import * as openpgp from "openpgp";
import {
  type MinisignSigner,
  minisignSigner,
  signMinisign as writeMinisign,
} from "../../src/formats/signatures/write-minisign.ts";

/** A test vendor's minisign key pair. */
export type MinisignVendor = MinisignSigner;

/** Makes a minisign key pair; `keyId` gives its eight bytes, so that a test can make two keys of one id. */
export function makeMinisignVendor(keyId: Uint8Array = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])): MinisignVendor {
  return minisignSigner(randomBytes(32), keyId);
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
  return Buffer.from(writeMinisign(vendor, content, { ...options, file: "list" })).toString("utf8");
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
