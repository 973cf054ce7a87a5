import * as asn1js from "asn1js";
import { AlgorithmIdentifier } from "pkijs";
import { LIMITS } from "../../core/kernel/limits.ts";
import { hasForm } from "./der-form.ts";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
/** Certificates that one signature may bring along. */
const CERTIFICATES = 32;
/** Attributes of one signer, signed or not. */
const ATTRIBUTES = 32;
/** Elements within elements, and elements in all: a signature by sixteen signers with their certificates needs less. */
const PARSING = { maxDepth: 32, maxNodes: 4_000, maxContentLength: LIMITS.cmsBytes, parseEmbedded: false };

// Identifier octets (X.690 section 8.1.2).
const INTEGER = 0x02;
const OCTETS = 0x04;
const OID = 0x06;
const SEQUENCE = 0x30;
const SET = 0x31;
const KEY_IDENTIFIER = 0x80;
const TAGGED_0 = 0xa0;
const TAGGED_1 = 0xa1;

const NULL = Buffer.from([0x05, 0x00]);

/** A detached CMS signature, taken apart (RFC 5652 section 5.1). */
export interface CmsStructure {
  readonly signers: readonly CmsSignerInfo[];
  /** The bytes of the certificates as they stand in the signature: they are compared and verified by their bytes. */
  readonly embedded: readonly Uint8Array[];
  /** Whether revocation lists come along. */
  readonly revocations: boolean;
  /** Object identifier of the type of the signed content. */
  readonly contentType: string;
}

/** One SignerInfo (RFC 5652 section 5.3). */
export interface CmsSignerInfo {
  readonly identifier:
    | { readonly kind: "issuer-and-serial"; readonly issuer: Uint8Array; readonly serial: Uint8Array }
    | { readonly kind: "key-identifier"; readonly bytes: Uint8Array };
  readonly digestAlgorithm: AlgorithmIdentifier;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  /** `signedBytes` is what the signature is over (section 5.4). */
  readonly signed: { readonly attributes: readonly CmsAttribute[]; readonly signedBytes: Uint8Array } | null;
  readonly unsigned: readonly CmsAttribute[];
  readonly signature: Uint8Array;
}

export interface CmsAttribute {
  readonly type: string;
  readonly values: readonly unknown[];
}

/** What stands where the grammar has something else. */
class Misshapen extends Error {}

/** Takes a DER or BER SignedData without content apart, or says why that cannot be done. */
export function parseDetachedCms(bytes: Uint8Array): CmsStructure | string {
  if (bytes.length > LIMITS.cmsBytes) return `larger than ${LIMITS.cmsBytes} bytes`;
  if (!hasForm(bytes, "ber")) return "not a CMS signature: no elements of ASN.1 that fill each other";
  try {
    const { offset, result } = asn1js.fromBER(Uint8Array.from(bytes), PARSING);
    if (offset === -1) return `not a CMS signature: ${result.error}`.slice(0, 300);
    if (offset !== bytes.length) return "bytes follow the CMS signature";
    return readContentInfo(result);
  } catch (cause) {
    // The libraries throw plain errors, of many wordings, at what they cannot read.
    const reason = cause instanceof Error ? cause.message : "unreadable";
    return (cause instanceof Misshapen ? reason : `not a CMS signature: ${reason}`).slice(0, 300);
  }
}

// The structure is read element by element and by count: what stands there beyond the grammar is where one reader sees
// something that another does not.

function readContentInfo(block: unknown): CmsStructure {
  const [type, outer, ...more] = childrenOf(block, SEQUENCE, "the CMS");
  const [content, ...others] = childrenOf(outer, TAGGED_0, "its content");
  if (more.length > 0 || others.length > 0) throw new Misshapen("more in the CMS than its content");
  if (oidOf(type) !== SIGNED_DATA) throw new Misshapen("CMS, but not SignedData");
  return readSignedData(childrenOf(content, SEQUENCE, "SignedData"));
}

function readSignedData([version, digests, content, ...rest]: readonly unknown[]): CmsStructure {
  if (!isVersion(version)) throw new Misshapen("SignedData begins with no version");
  const [contentType, ...own] = childrenOf(content, SEQUENCE, "the encapsulated content");
  if (own.length > 0) throw new Misshapen("the signature is not detached: it holds content of its own");
  const listed = childrenOf(digests, SET, "the digest algorithms").map((digest) => algorithmOf(digest).algorithmId);
  const embedded = begins(rest[0], TAGGED_0) ? childrenOf(rest.shift(), TAGGED_0, "the certificates") : [];
  if (embedded.length > CERTIFICATES) throw new Misshapen(`more than ${CERTIFICATES} certificates`);
  const revocations = begins(rest[0], TAGGED_1);
  if (revocations) rest.shift();
  const infos = childrenOf(rest.shift(), SET, "the signers");
  if (rest.length > 0) throw new Misshapen("more in SignedData than its parts");
  if (infos.length === 0) throw new Misshapen("no signer");
  if (infos.length > LIMITS.signaturesPerFile) throw new Misshapen(`more than ${LIMITS.signaturesPerFile} signers`);
  const signers = infos.map((info) => readSignerInfo(childrenOf(info, SEQUENCE, "a signer")));
  // Readers in one pass hash by this list before they see the signers.
  if (!signers.every(({ digestAlgorithm }) => listed.includes(digestAlgorithm.algorithmId)))
    throw new Misshapen("a signer's digest algorithm is not among those of the signature");
  return { signers, embedded: embedded.map(bytesOf), revocations, contentType: oidOf(contentType) };
}

function readSignerInfo([version, identifier, digest, ...rest]: readonly unknown[]): CmsSignerInfo {
  if (!isVersion(version)) throw new Misshapen("a signer begins with no version");
  const attributes = begins(rest[0], TAGGED_0) ? rest.shift() : null;
  const [algorithm, signature, outside, ...more] = rest;
  if (more.length > 0) throw new Misshapen("more in a signer than its parts");
  const unsigned = outside === undefined ? [] : readAttributes(outside, TAGGED_1);
  // Countersignatures and time stamps, which nobody here reads: whatever else stands there may be read in two ways.
  if (!unsigned.every(({ values }) => values.every((value) => begins(value, SEQUENCE))))
    throw new Misshapen("an unsigned attribute that is neither countersignature nor time stamp");
  return {
    identifier: readIdentifier(identifier),
    digestAlgorithm: algorithmOf(digest),
    signatureAlgorithm: algorithmOf(algorithm),
    signed: attributes === null ? null : readSigned(attributes),
    unsigned,
    signature: octetsOf(signature, "a signature"),
  };
}

function readIdentifier(block: unknown): CmsSignerInfo["identifier"] {
  if (begins(block, KEY_IDENTIFIER) && block instanceof asn1js.Primitive)
    return { kind: "key-identifier", bytes: block.valueBlock.valueHexView };
  const [issuer, serial, ...more] = childrenOf(block, SEQUENCE, "a signer's identifier");
  if (more.length > 0 || !begins(serial, INTEGER))
    throw new Misshapen("a signer's identifier is no issuer with a serial number");
  return { kind: "issuer-and-serial", issuer: bytesOf(issuer), serial: bytesOf(serial) };
}

function readSigned(block: unknown): CmsSignerInfo["signed"] {
  const signedBytes = Uint8Array.from(bytesOf(block));
  signedBytes[0] = 0x31;
  if (!hasForm(signedBytes, "der")) throw new Misshapen("signed attributes that are not in DER");
  return { attributes: readAttributes(block, TAGGED_0), signedBytes };
}

function readAttributes(block: unknown, identifier: number): readonly CmsAttribute[] {
  const blocks = childrenOf(block, identifier, "the attributes");
  if (blocks.length > ATTRIBUTES) throw new Misshapen(`more than ${ATTRIBUTES} attributes`);
  return blocks.map((attribute) => {
    const [type, values, ...more] = childrenOf(attribute, SEQUENCE, "an attribute");
    if (more.length > 0) throw new Misshapen("more in an attribute than its values");
    return { type: oidOf(type), values: childrenOf(values, SET, "an attribute's values") };
  });
}

/** RFC 5754: parameters are absent or NULL, but for PSS (RFC 4056), whose are a sequence. */
function algorithmOf(block: unknown): AlgorithmIdentifier {
  const [identifier, parameters, ...more] = childrenOf(block, SEQUENCE, "an algorithm");
  const bytes = parameters === undefined ? NULL : bytesOf(parameters);
  const known = NULL.equals(bytes) || (begins(parameters, SEQUENCE) && hasForm(bytes, "der"));
  if (more.length > 0 || oidOf(identifier) === "" || !known)
    throw new Misshapen("an algorithm is no identifier with parameters");
  return new AlgorithmIdentifier({ schema: block });
}

/** The elements inside an element of this identifier. */
function childrenOf(block: unknown, identifier: number, place: string): readonly unknown[] {
  if (!begins(block, identifier) || !(block instanceof asn1js.Constructed))
    throw new Misshapen(`${place} is not where it belongs`);
  return block.valueBlock.value;
}

/**
 * Whether an element has this very identifier octet. The library's classes say less: it also makes a sequence of one that
 * does not say that it holds elements, and an integer of an enumerated value.
 */
function begins(block: unknown, identifier: number): boolean {
  return block instanceof asn1js.BaseBlock && block.valueBeforeDecodeView[0] === identifier;
}

/** Versions 1 to 5 (RFC 5652 section 5.1) in the one byte that they need. */
function isVersion(block: unknown): boolean {
  if (!begins(block, INTEGER) || !(block instanceof asn1js.Integer)) return false;
  const [version = 0, ...more] = block.valueBlock.valueHexView;
  return more.length === 0 && version >= 1 && version <= 5;
}

function oidOf(block: unknown): string {
  if (!begins(block, OID) || !(block instanceof asn1js.ObjectIdentifier))
    throw new Misshapen("no object identifier where one belongs");
  return block.valueBlock.toString();
}

function octetsOf(block: unknown, place: string): Uint8Array {
  if (!begins(block, OCTETS) || !(block instanceof asn1js.OctetString))
    throw new Misshapen(`${place} is no string in one piece`);
  return block.valueBlock.valueHexView;
}

function bytesOf(block: unknown): Uint8Array {
  if (!(block instanceof asn1js.BaseBlock)) throw new Misshapen("nothing where something belongs");
  return block.valueBeforeDecodeView;
}
