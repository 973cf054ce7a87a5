import { createHash, createVerify, type Hash, type Verify, verify } from "node:crypto";
import * as asn1js from "asn1js";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import type { ReadCertificate } from "./certificate.ts";
import type { CmsAttribute, CmsSignerInfo, CmsStructure } from "./cms-structure.ts";
import { digestName, type VerifyingPlan, verifyingPlan } from "./signature-algorithm.ts";

const DATA = "1.2.840.113549.1.7.1";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_TIME = "1.2.840.113549.1.9.5";
const COUNTERSIGNATURE = "1.2.840.113549.1.9.6";
const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const SET_TAG = 0x31;

type Outcome = Pick<SignatureFinding, "status" | "detail">;

/** What the verifier of CMS signatures is told by those who call it; all else is the same for everybody. */
export interface SignerPolicy {
  /** Certificates among which a signer's own is looked for. */
  readonly known: readonly ReadCertificate[];
  /** Whether SHA-1 is taken as a digest. MD5 never is. */
  readonly legacySha1: boolean;
  /** How findings name a signer. */
  nameOf(certificate: ReadCertificate): string;
  /** Why this certificate is not to be relied on; `null` when it is. */
  chainFault(certificate: ReadCertificate): Outcome | null;
}

/** A signer whose certificate and algorithms are known, waiting for the content. */
interface Pending {
  readonly signer: CmsSignerInfo;
  readonly certificate: ReadCertificate;
  readonly digest: string;
  readonly plan: VerifyingPlan;
}

/**
 * Verifies every signer of a detached CMS signature over content of any size in one pass: one finding for each. Every
 * signer must verify, as OpenSSL's `cms -verify` has it. Throws only what reading the content throws.
 */
export async function verifySigners(
  structure: CmsStructure,
  content: AsyncIterable<Uint8Array>,
  over: string,
  policy: SignerPolicy,
): Promise<readonly SignatureFinding[]> {
  const prepared = structure.signers.map((signer) => prepare(signer, policy));
  const read = await readContent(content, prepared.filter(isPending));
  return prepared.map((signer, at): SignatureFinding => {
    const finding = { scheme: "x509-cms", over, signedAt: signedAt(structure.signers[at]) } as const;
    if (!isPending(signer)) return { ...finding, signer: "", ...signer };
    const outcome = bindsContent(signer, structure.contentType, read) ?? policy.chainFault(signer.certificate);
    return { ...finding, signer: policy.nameOf(signer.certificate), ...(outcome ?? { status: "good", detail: "" }) };
  });
}

/** The only finding over a signature that cannot be taken apart. */
export function malformedSignature(over: string, detail: string): SignatureFinding {
  return {
    scheme: "x509-cms",
    over,
    status: "malformed",
    signer: "",
    signedAt: null,
    detail: quoteOutside(detail, 160),
  };
}

function isPending(signer: Pending | Outcome): signer is Pending {
  return "plan" in signer;
}

function prepare(signer: CmsSignerInfo, { known, legacySha1 }: SignerPolicy): Pending | Outcome {
  const digest = digestName(signer.digestAlgorithm, legacySha1);
  if (digest === "weak")
    return { status: "weak", detail: `the digest algorithm is MD5${legacySha1 ? "" : " or SHA-1"}` };
  if (digest === "unknown") return { status: "malformed", detail: "the digest algorithm is unknown" };
  const fault = attributesFault(signer);
  if (fault !== null) return { status: "malformed", detail: fault };
  const certificate = known.find((candidate) => identifies(signer, candidate));
  if (certificate === undefined) return { status: "unknown-key", detail: describeSigner(signer) };
  const plan = verifyingPlan(signer.signatureAlgorithm, digest, certificate.key);
  return plan === null
    ? { status: "malformed", detail: "signature algorithm, digest and key do not fit together" }
    : { signer, certificate, digest, plan };
}

/** RFC 5652 section 11: which attributes are signed ones, and how often each may stand there. */
function attributesFault({ signed, unsigned }: CmsSignerInfo): string | null {
  const attributes = signed?.attributes ?? [];
  if (unsigned.some(({ type }) => type === CONTENT_TYPE || type === MESSAGE_DIGEST || type === SIGNING_TIME))
    return "an attribute that must be signed is not";
  if (attributes.some(({ type }) => type === COUNTERSIGNATURE)) return "a countersignature among the signed attributes";
  const times = attributes.filter(({ type }) => type === SIGNING_TIME);
  if (times.length > 1 || times.some(({ values }) => values.length !== 1)) return "several signing times";
  // Of two, the other could be the one that another reader takes.
  return signed !== null &&
    !(
      only(attributes, CONTENT_TYPE) instanceof asn1js.ObjectIdentifier &&
      only(attributes, MESSAGE_DIGEST) instanceof asn1js.OctetString
    )
    ? "content type and message digest do not stand once each in the signed attributes"
    : null;
}

/** Whether this is the certificate that the signer names, by issuer and serial number or by subject key identifier. */
function identifies({ identifier }: CmsSignerInfo, { fields }: ReadCertificate): boolean {
  if (identifier.kind === "issuer-and-serial")
    return (
      equal(fields.serialNumber.valueBeforeDecodeView, identifier.serial) &&
      equal(new Uint8Array(fields.issuer.valueBeforeDecode), identifier.issuer)
    );
  const held = fields.extensions?.find(({ extnID }) => extnID === SUBJECT_KEY_IDENTIFIER)?.parsedValue;
  return held instanceof asn1js.OctetString && equal(held.valueBlock.valueHexView, identifier.bytes);
}

function describeSigner({ identifier }: CmsSignerInfo): string {
  const [kind, bytes] =
    identifier.kind === "key-identifier" ? ["key identifier", identifier.bytes] : ["serial number", identifier.serial];
  const hex = Buffer.from(identifier.kind === "key-identifier" ? bytes : bytes.subarray(2)).toString("hex");
  return `the signer's certificate is not at hand (${kind} ${hex.slice(0, 80)})`;
}

interface ContentRead {
  /** By digest algorithm. */
  readonly digests: ReadonlyMap<string, Buffer>;
  readonly direct: ReadonlyMap<CmsSignerInfo, Verify>;
  readonly firstByte: number | null;
}

async function readContent(content: AsyncIterable<Uint8Array>, signers: readonly Pending[]): Promise<ContentRead> {
  const hashes = new Map<string, Hash>(signers.map(({ digest }) => [digest, createHash(digest)]));
  const direct = new Map<CmsSignerInfo, Verify>();
  for (const { signer, plan } of signers) {
    if (signer.signed === null) direct.set(signer, createVerify(plan.digest));
  }
  let firstByte: number | null = null;
  const takers = [...hashes.values(), ...direct.values()];
  for await (const piece of content) {
    firstByte ??= piece[0] ?? null;
    for (const taker of takers) taker.update(piece);
  }
  const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest()]));
  return { digests, direct, firstByte };
}

/** Whether the signature verifies and is over this content; `null` when both are so. */
function bindsContent({ signer, digest, plan }: Pending, contentType: string, read: ContentRead): Outcome | null {
  if (signer.signed === null) return bindsDirectly(signer, plan, contentType, read);
  const { attributes, signedBytes } = signer.signed;
  if (String(valueOf(only(attributes, CONTENT_TYPE))) !== contentType)
    return { status: "wrong", detail: "the signed content type is another" };
  const stated = only(attributes, MESSAGE_DIGEST);
  const expected = read.digests.get(digest);
  const bound =
    stated instanceof asn1js.OctetString && expected !== undefined && equal(stated.valueBlock.valueHexView, expected);
  if (!bound) return { status: "wrong", detail: "the signature is over other content" };
  const good = verify(plan.digest, signedBytes, plan.key, signer.signature);
  return good ? null : { status: "wrong", detail: "the signature does not verify" };
}

function bindsDirectly(
  signer: CmsSignerInfo,
  plan: VerifyingPlan,
  contentType: string,
  read: ContentRead,
): Outcome | null {
  // RFC 5652 section 5.3: only id-data may be signed without attributes.
  if (contentType !== DATA) return { status: "malformed", detail: "content of this type needs signed attributes" };
  // Without attributes, a signature once made over attributes passes as one over content that is their encoding.
  if (read.firstByte === SET_TAG)
    return {
      status: "weak",
      detail: "without signed attributes this content may be the attributes of another signature",
    };
  return read.direct.get(signer)?.verify(plan.key, signer.signature) === true
    ? null
    : { status: "wrong", detail: "the signature is over other content or does not verify" };
}

function valueOf(identifier: unknown): string | null {
  return identifier instanceof asn1js.ObjectIdentifier ? identifier.valueBlock.toString() : null;
}

/** The only value of the only attribute of this type; `undefined` when there are none or several. */
function only(attributes: readonly CmsAttribute[], type: string): unknown {
  const found = attributes.filter((attribute) => attribute.type === type);
  const [attribute] = found;
  return found.length === 1 && attribute?.values.length === 1 ? attribute.values[0] : undefined;
}

/** What the signer says, in milliseconds since 1970; `null` when it says nothing that is a time. */
function signedAt(signer: CmsSignerInfo | undefined): Instant | null {
  const value = only(signer?.signed?.attributes ?? [], SIGNING_TIME);
  if (!(value instanceof asn1js.UTCTime || value instanceof asn1js.GeneralizedTime)) return null;
  const time = value.toDate().getTime();
  return Number.isSafeInteger(time) ? time : null;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.from(left).equals(right);
}
