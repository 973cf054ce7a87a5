import { constants, type KeyObject, type VerifyKeyObjectInput } from "node:crypto";
import { type AlgorithmIdentifier, RSASSAPSSParams } from "pkijs";

const SHA1 = "1.3.14.3.2.26";

/** Digest algorithms by object identifier; `null`: known and no longer to be relied on. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
  [SHA1]: null,
  "1.2.840.113549.2.5": null,
  "1.2.840.113549.2.2": null,
};

const RSA = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";

/** Signature algorithms that fix their digest, and the kind of key that they need. */
const FIXED: Readonly<Record<string, readonly [digest: string, kind: "rsa" | "ec"]>> = {
  "1.2.840.113549.1.1.11": ["sha256", "rsa"],
  "1.2.840.113549.1.1.12": ["sha384", "rsa"],
  "1.2.840.113549.1.1.13": ["sha512", "rsa"],
  "1.2.840.10045.4.3.2": ["sha256", "ec"],
  "1.2.840.10045.4.3.3": ["sha384", "ec"],
  "1.2.840.10045.4.3.4": ["sha512", "ec"],
  // Only a legacy profile gets as far as to ask for these.
  "1.2.840.113549.1.1.5": ["sha1", "rsa"],
  "1.2.840.10045.4.1": ["sha1", "ec"],
};

/** Node's name of a digest, "weak" for MD2, MD5 and (but for a legacy profile) SHA-1, "unknown" for any other. */
export function digestName({ algorithmId }: AlgorithmIdentifier, legacySha1: boolean): string {
  if (legacySha1 && algorithmId === SHA1) return "sha1";
  const name = Object.hasOwn(DIGESTS, algorithmId) ? DIGESTS[algorithmId] : undefined;
  return name === undefined ? "unknown" : (name ?? "weak");
}

/** How to hand a CMS signature to node:crypto. */
export interface VerifyingPlan {
  readonly digest: string;
  readonly key: VerifyKeyObjectInput;
}

/**
 * Resolves a SignerInfo's signature algorithm for its digest and key, or `null` when the three do not fit together:
 * an algorithm that names another digest than the SignerInfo is refused, so that the weaker of two cannot be chosen.
 */
export function verifyingPlan(algorithm: AlgorithmIdentifier, digest: string, key: KeyObject): VerifyingPlan | null {
  const { algorithmId } = algorithm;
  const kind = key.asymmetricKeyType;
  if (algorithmId === RSA) return kind === "rsa" ? pkcs1(digest, key) : null;
  if (algorithmId === RSA_PSS) return kind === "rsa" || kind === "rsa-pss" ? pss(algorithm, digest, key) : null;
  const [fixedDigest, fixedKind] = Object.hasOwn(FIXED, algorithmId) ? (FIXED[algorithmId] ?? []) : [];
  if (fixedDigest !== digest || fixedKind !== kind) return null;
  return fixedKind === "rsa" ? pkcs1(digest, key) : { digest, key: { key } };
}

function pkcs1(digest: string, key: KeyObject): VerifyingPlan {
  return { digest, key: { key, padding: constants.RSA_PKCS1_PADDING } };
}

/** RFC 4056 section 3: the digest of PSS and of its MGF1 is the SignerInfo's. */
function pss(algorithm: AlgorithmIdentifier, digest: string, key: KeyObject): VerifyingPlan | null {
  try {
    const params = new RSASSAPSSParams({ schema: algorithm.algorithmParams });
    const { algorithmId, algorithmParams } = params.maskGenAlgorithm;
    const maskDigest = algorithmParams.valueBlock.value[0]?.valueBlock.toString();
    const fits =
      digestName(params.hashAlgorithm, false) === digest &&
      algorithmId === MGF1 &&
      maskDigest === params.hashAlgorithm.algorithmId;
    if (!fits || params.trailerField !== 1) return null;
    return { digest, key: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: params.saltLength } };
  } catch {
    return null;
  }
}
