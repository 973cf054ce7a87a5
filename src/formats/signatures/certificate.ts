import { type KeyObject, X509Certificate } from "node:crypto";
import { Certificate } from "pkijs";
import { quoteOutside } from "../../core/kernel/errors.ts";

/** One certificate, read twice: OpenSSL's view for names, keys and signatures, pkijs's for extensions and algorithms. */
export interface ReadCertificate {
  readonly x509: X509Certificate;
  readonly fields: Certificate;
  readonly key: KeyObject;
  /** On one line, fit for a log. */
  readonly subject: string;
}

/** Reads one DER certificate; `null` when either reader refuses it. */
export function readCertificate(der: Uint8Array): ReadCertificate | null {
  try {
    const x509 = new X509Certificate(der);
    const fields = Certificate.fromBER(x509.raw);
    // OpenSSL decodes the key only when it is asked for, and throws then: a certificate with a broken key is none.
    // Escaping may lengthen it six times, and findings have room for 512 characters.
    const subject = quoteOutside(x509.subject.replaceAll("\n", ", "), 400).slice(0, 400);
    return { x509, fields, key: x509.publicKey, subject };
  } catch {
    return null;
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of PEM texts; text around them is skipped, as every reader of PEM does. */
export function readPemCertificates(texts: readonly string[]): readonly ReadCertificate[] {
  const blocks = texts.flatMap((text) => text.match(PEM) ?? []);
  return blocks.flatMap((block) => {
    const der = Buffer.from(block.replace(/-----[A-Z ]+-----/g, ""), "base64");
    return readCertificate(der) ?? [];
  });
}

// Signature algorithms of certificates that name SHA-2 (RFC 8017, RFC 5758). RSA-PSS is not among them: its digest stands
// in parameters, SHA-1 where they are left out, and no vendor here issues certificates by it.
const STRONG: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
]);

const BY_SHA1: ReadonlySet<string> = new Set(["1.2.840.113549.1.1.5", "1.2.840.10045.4.1"]);

const LEAST_RSA_BITS = 2_048;
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Why nobody should rely on this key today; `null` when there is nothing against it. */
export function weaknessOfKey(key: KeyObject): string | null {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: { modulusLength = 0, namedCurve = "" } = {} } = key;
  if (kind === "rsa" || kind === "rsa-pss")
    return modulusLength < LEAST_RSA_BITS ? `an RSA key of ${modulusLength} bits` : null;
  if (kind === "ec") return CURVES.has(namedCurve) ? null : `the curve ${quoteOutside(namedCurve, 40)}`;
  return "a key of an unknown kind";
}

/** Why this certificate's own signature by its issuer proves too little; `null` when it is strong. */
export function weaknessOfIssuance({ fields }: ReadCertificate, legacySha1: boolean): string | null {
  const { algorithmId } = fields.signatureAlgorithm;
  return STRONG.has(algorithmId) || (legacySha1 && BY_SHA1.has(algorithmId))
    ? null
    : `the algorithm ${quoteOutside(algorithmId, 60)} over a certificate`;
}
