import { createHash, type KeyObject } from "node:crypto";
import type { Instant } from "../../core/kernel/instant.ts";
import { readCertificate } from "./certificate.ts";
import { integer, octets, oid, sequence, setOf, tagged, time } from "./der.ts";
import { digestAlgorithm, type SigningDigest, signingAlgorithm } from "./signing-algorithm.ts";

const DATA = "1.2.840.113549.1.7.1";
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_TIME = "1.2.840.113549.1.9.5";

export interface CmsSigner {
  readonly key: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
}

export interface CmsSigning {
  /** Stands in the signed attributes; milliseconds since 1970, written to the second. */
  readonly signedAt: Instant;
  readonly digest?: SigningDigest;
  /** DER certificates that are sent along, for readers that look for them there. */
  readonly embed?: readonly Uint8Array[];
  /** False signs the content itself, without attributes. */
  readonly attributes?: boolean;
}

/** A detached CMS SignedData by one signer (RFC 5652 section 5), DER. */
export function signDetachedCms(content: Uint8Array, signer: CmsSigner, options: CmsSigning): Uint8Array {
  return signDetachedCmsBy(content, [signer], options);
}

/** The same by several signers, each in the same way. */
export function signDetachedCmsBy(content: Uint8Array, signers: readonly CmsSigner[], options: CmsSigning): Uint8Array {
  const infos = signers.map((signer) => signerInfo(content, signer, options));
  const digests = new Map(infos.map(({ digest }) => [digest, digestAlgorithm(digest)]));
  const embedded = options.embed ?? [];
  const signed = sequence(
    integer(1n),
    setOf(...digests.values()),
    sequence(oid(DATA)),
    ...(embedded.length === 0 ? [] : [tagged(0, ...embedded)]),
    setOf(...infos.map(({ bytes }) => bytes)),
  );
  return sequence(oid(SIGNED_DATA), tagged(0, signed));
}

interface WrittenSigner {
  readonly digest: SigningDigest;
  readonly bytes: Uint8Array;
}

function signerInfo(content: Uint8Array, signer: CmsSigner, options: CmsSigning): WrittenSigner {
  const certificate = readCertificate(signer.certificate);
  if (certificate === null) throw new RangeError("the signer's certificate cannot be read");
  const { serialNumber, issuer } = certificate.fields;
  const algorithm = signingAlgorithm(signer.key, options.digest ?? "sha256");
  const { digest } = algorithm;
  const attributes = signedAttributes(createHash(digest).update(content).digest(), options.signedAt);
  const attributed = options.attributes !== false;
  const bytes = sequence(
    integer(1n),
    sequence(new Uint8Array(issuer.valueBeforeDecode), new Uint8Array(serialNumber.toBER())),
    digestAlgorithm(digest),
    // RFC 5652 section 5.4: what is signed has the tag of a SET, what is sent that of the field.
    ...(attributed ? [retagged(attributes)] : []),
    algorithm.identifier,
    octets(algorithm.sign(attributed ? attributes : content)),
  );
  return { digest, bytes };
}

function signedAttributes(digest: Uint8Array, signedAt: Instant): Uint8Array {
  return setOf(
    attribute(CONTENT_TYPE, oid(DATA)),
    attribute(SIGNING_TIME, time(signedAt)),
    attribute(MESSAGE_DIGEST, octets(digest)),
  );
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return sequence(oid(type), setOf(value));
}

function retagged(set: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(set);
  copy[0] = 0xa0;
  return copy;
}
