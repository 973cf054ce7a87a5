import { createHash, createVerify, type Hash, type Verify, verify } from "node:crypto";
import * as asn1js from "asn1js";
import { type Attribute, IssuerAndSerialNumber, type SignerInfo } from "pkijs";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import { type ReadCertificate, readPemCertificates } from "./certificate.ts";
import { parseDetachedCms } from "./cms-structure.ts";
import { digestName, type VerifyingPlan, verifyingPlan } from "./signature-algorithm.ts";
import { chainFault } from "./x509-chain.ts";

const DATA = "1.2.840.113549.1.7.1";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_TIME = "1.2.840.113549.1.9.5";
const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const SET_TAG = 0x31;

export interface DetachedCms {
  /** The CMS SignedData (RFC 5652), DER or BER. */
  readonly signature: Uint8Array;
  /** The signed content, read once from start to end. */
  readonly content: AsyncIterable<Uint8Array>;
  /** The path of the content, for the findings. */
  readonly over: string;
  /** PEM certificates of the roots that signers must chain to. */
  readonly anchors: readonly string[];
  readonly now: Instant;
}

type Outcome = Pick<SignatureFinding, "status" | "detail">;

/** A signer whose certificate and algorithms are known, waiting for the content. */
interface Pending {
  readonly signer: SignerInfo;
  readonly certificate: ReadCertificate;
  readonly digest: string;
  readonly plan: VerifyingPlan;
}

/**
 * Verifies a detached CMS signature over content of any size in one pass: one finding for each signer, or a single
 * `malformed` one. Certificates inside the signature serve as intermediates only. Every signer must verify, as
 * OpenSSL's `cms -verify` has it. Throws only what reading the content throws.
 */
export async function verifyDetachedCms(input: DetachedCms): Promise<readonly SignatureFinding[]> {
  const { over, now } = input;
  const structure = parseDetachedCms(input.signature);
  if (typeof structure === "string") {
    return [
      {
        scheme: "x509-cms",
        over,
        status: "malformed",
        signer: "",
        signedAt: null,
        detail: quoteOutside(structure, 500),
      },
    ];
  }
  const anchors = readPemCertificates(input.anchors);
  const known = [...structure.certificates, ...anchors];
  const prepared = structure.signers.map((signer) => prepare(signer, known));
  const read = await readContent(input.content, prepared.filter(isPending));
  return prepared.map((signer, at): SignatureFinding => {
    const finding = { scheme: "x509-cms", over, signedAt: signedAt(structure.signers[at]) } as const;
    if (!isPending(signer)) return { ...finding, signer: "", ...signer };
    const { certificate } = signer;
    const outcome =
      bindsContent(signer, structure.contentType, read) ??
      chainFault(certificate, structure.certificates, anchors, now);
    return { ...finding, signer: certificate.subject, ...(outcome ?? { status: "good", detail: "" }) };
  });
}

function isPending(signer: Pending | Outcome): signer is Pending {
  return "plan" in signer;
}

function prepare(signer: SignerInfo, known: readonly ReadCertificate[]): Pending | Outcome {
  const digest = digestName(signer.digestAlgorithm);
  if (digest === "weak") return { status: "weak", detail: "the digest algorithm is MD5 or SHA-1" };
  if (digest === "unknown") return { status: "malformed", detail: "the digest algorithm is unknown" };
  const certificate = known.find((candidate) => identifies(signer, candidate));
  if (certificate === undefined) return { status: "unknown-key", detail: "the signer's certificate is not at hand" };
  const plan = verifyingPlan(signer.signatureAlgorithm, digest, certificate.key);
  return plan === null
    ? { status: "malformed", detail: "signature algorithm, digest and key do not fit together" }
    : { signer, certificate, digest, plan };
}

/** Whether this is the certificate that the signer names, by issuer and serial number or by subject key identifier. */
function identifies({ sid }: SignerInfo, { fields }: ReadCertificate): boolean {
  if (sid instanceof IssuerAndSerialNumber)
    return fields.serialNumber.isEqual(sid.serialNumber) && fields.issuer.isEqual(sid.issuer);
  if (!(sid instanceof asn1js.Primitive)) return false;
  const identifier = fields.extensions?.find(({ extnID }) => extnID === SUBJECT_KEY_IDENTIFIER)?.parsedValue;
  return (
    identifier instanceof asn1js.OctetString && equal(identifier.valueBlock.valueHexView, sid.valueBlock.valueHexView)
  );
}

interface ContentRead {
  /** By digest algorithm. */
  readonly digests: ReadonlyMap<string, Buffer>;
  readonly direct: ReadonlyMap<SignerInfo, Verify>;
  readonly firstByte: number | null;
}

async function readContent(content: AsyncIterable<Uint8Array>, signers: readonly Pending[]): Promise<ContentRead> {
  const hashes = new Map<string, Hash>(signers.map(({ digest }) => [digest, createHash(digest)]));
  const direct = new Map<SignerInfo, Verify>();
  for (const { signer, plan } of signers) {
    if (signer.signedAttrs === undefined) direct.set(signer, createVerify(plan.digest));
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
  const signature = signer.signature.valueBlock.valueHexView;
  if (signer.signedAttrs === undefined) return bindsDirectly(signer, signature, plan, contentType, read);
  const { attributes, encodedValue } = signer.signedAttrs;
  // RFC 5652 section 11: each of the two stands there once, with one value. A second could be the one another reader takes.
  const type = only(attributes, CONTENT_TYPE);
  const messageDigest = only(attributes, MESSAGE_DIGEST);
  if (!(type instanceof asn1js.ObjectIdentifier) || !(messageDigest instanceof asn1js.OctetString)) {
    return {
      status: "malformed",
      detail: "content type and message digest do not stand once each in the signed attributes",
    };
  }
  if (type.valueBlock.toString() !== contentType)
    return { status: "wrong", detail: "the signed content type is another" };
  const expected = read.digests.get(digest);
  if (expected === undefined || !equal(messageDigest.valueBlock.valueHexView, expected)) {
    return { status: "wrong", detail: "the signature is over other content" };
  }
  const good = verify(plan.digest, new Uint8Array(encodedValue), plan.key, signature);
  return good ? null : { status: "wrong", detail: "the signature does not verify" };
}

function bindsDirectly(
  signer: SignerInfo,
  signature: Uint8Array,
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
  return read.direct.get(signer)?.verify(plan.key, signature) === true
    ? null
    : { status: "wrong", detail: "the signature is over other content or does not verify" };
}

/** The only value of the only attribute of this type; `undefined` when there are none or several. */
function only(attributes: readonly Attribute[], type: string): unknown {
  const found = attributes.filter((attribute) => attribute.type === type);
  const [attribute] = found;
  return found.length === 1 && attribute?.values.length === 1 ? attribute.values[0] : undefined;
}

/** What the signer says, in milliseconds since 1970; `null` when it says nothing that is a time. */
function signedAt(signer: SignerInfo | undefined): Instant | null {
  const value = only(signer?.signedAttrs?.attributes ?? [], SIGNING_TIME);
  if (!(value instanceof asn1js.UTCTime || value instanceof asn1js.GeneralizedTime)) return null;
  const time = value.toDate().getTime();
  return Number.isSafeInteger(time) ? time : null;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.from(left).equals(right);
}
