import { type KeyObject, sign } from "node:crypto";
import { nothing, oid, sequence } from "./der.ts";

/** What signatures can be made with. MD5 and SHA-1 are for content that must be refused, or read under a legacy profile. */
export type SigningDigest = "sha256" | "sha384" | "sha512" | "sha1" | "md5";

const DIGESTS: Readonly<Record<SigningDigest, string>> = {
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
  sha1: "1.3.14.3.2.26",
  md5: "1.2.840.113549.2.5",
};

const RSA: Readonly<Record<SigningDigest, string>> = {
  sha256: "1.2.840.113549.1.1.11",
  sha384: "1.2.840.113549.1.1.12",
  sha512: "1.2.840.113549.1.1.13",
  sha1: "1.2.840.113549.1.1.5",
  md5: "1.2.840.113549.1.1.4",
};

// Nobody ever gave ECDSA over MD5 an identifier, so that such a signature cannot be written.
const ECDSA: Readonly<Record<Exclude<SigningDigest, "md5">, string>> = {
  sha256: "1.2.840.10045.4.3.2",
  sha384: "1.2.840.10045.4.3.3",
  sha512: "1.2.840.10045.4.3.4",
  sha1: "1.2.840.10045.4.1",
};

const ED25519 = "1.3.101.112";

/** AlgorithmIdentifier of a digest, parameters absent (RFC 5754 section 2), but NULL where old readers expect it. */
export function digestAlgorithm(digest: SigningDigest): Uint8Array {
  const identifier = oid(DIGESTS[digest]);
  return digest === "sha1" || digest === "md5" ? sequence(identifier, nothing()) : sequence(identifier);
}

/** What `key` signs by: an AlgorithmIdentifier, the digest that goes with it, and the signing itself. */
export interface SigningAlgorithm {
  readonly identifier: Uint8Array;
  readonly digest: SigningDigest;
  sign(bytes: Uint8Array): Uint8Array;
}

/** RSA signs by PKCS #1 v1.5. @throws RangeError for keys and digests that no identifier brings together. */
export function signingAlgorithm(key: KeyObject, digest: SigningDigest): SigningAlgorithm {
  const kind = key.asymmetricKeyType;
  const withDigest = (bytes: Uint8Array): Uint8Array => sign(digest, bytes, key);
  if (kind === "rsa") return { identifier: sequence(oid(RSA[digest]), nothing()), digest, sign: withDigest };
  if (kind === "ec" && digest !== "md5") return { identifier: sequence(oid(ECDSA[digest])), digest, sign: withDigest };
  // RFC 8419 section 3: Ed25519 goes with SHA-512, whatever digest was asked for.
  if (kind === "ed25519")
    return { identifier: sequence(oid(ED25519)), digest: "sha512", sign: (bytes) => sign(null, bytes, key) };
  throw new RangeError(`a key of the kind ${kind ?? "unknown"} cannot sign by ${digest}`);
}
