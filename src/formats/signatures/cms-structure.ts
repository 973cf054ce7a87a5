import * as asn1js from "asn1js";
import { ContentInfo, SignedData, type SignerInfo } from "pkijs";
import { LIMITS } from "../../core/kernel/limits.ts";
import { type ReadCertificate, readCertificate } from "./certificate.ts";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
/** Certificates that one signature may bring along. */
const CERTIFICATES = 32;

/** A detached CMS signature, taken apart (RFC 5652 section 5.1). */
export interface CmsStructure {
  readonly signers: readonly SignerInfo[];
  readonly certificates: readonly ReadCertificate[];
  /** Object identifier of the type of the signed content. */
  readonly contentType: string;
}

/** Takes a DER or BER SignedData without content apart, or says why that cannot be done. */
export function parseDetachedCms(bytes: Uint8Array): CmsStructure | string {
  if (bytes.length > LIMITS.signatureBytes) return `larger than ${LIMITS.signatureBytes} bytes`;
  try {
    return takeApart(bytes);
  } catch (cause) {
    // Both libraries throw plain errors, of many wordings, at what they cannot read.
    return `not a CMS signature: ${cause instanceof Error ? cause.message : "unreadable"}`.slice(0, 300);
  }
}

function takeApart(bytes: Uint8Array): CmsStructure | string {
  const { offset, result } = asn1js.fromBER(Uint8Array.from(bytes));
  if (offset === -1) return `not a CMS signature: ${result.error}`.slice(0, 300);
  if (offset !== bytes.length) return "bytes follow the CMS signature";
  const outer = new ContentInfo({ schema: result });
  if (outer.contentType !== SIGNED_DATA) return "CMS, but not SignedData";
  const signed = new SignedData({ schema: outer.content });
  if (signed.encapContentInfo.eContent !== undefined)
    return "the signature is not detached: it holds content of its own";
  const signers = signed.signerInfos;
  if (signers.length === 0) return "no signer";
  if (signers.length > LIMITS.signaturesPerFile) return `more than ${LIMITS.signaturesPerFile} signers`;
  const embedded = embeddedCertificates(outer.content);
  if (embedded.length > CERTIFICATES) return `more than ${CERTIFICATES} certificates`;
  const certificates = embedded.flatMap((der) => readCertificate(der) ?? []);
  return { signers, certificates, contentType: signed.encapContentInfo.eContentType };
}

/**
 * The bytes of the certificates as they stand in the signature (`certificates [0] IMPLICIT`), for certificates are
 * compared and verified by their bytes and must not be encoded anew.
 */
function embeddedCertificates(signedData: unknown): readonly Uint8Array[] {
  if (!(signedData instanceof asn1js.Sequence)) return [];
  const tagged = signedData.valueBlock.value.find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0);
  if (!(tagged instanceof asn1js.Constructed)) return [];
  return tagged.valueBlock.value.map((certificate) => certificate.valueBeforeDecodeView);
}
