import { constants, createHash, type KeyObject, publicDecrypt } from "node:crypto";
import type { SignatureFinding } from "../../../core/model/feed-listing.ts";
import { decodeRadix64 } from "./radix64.ts";

const MD5_BYTES = 16;
const HASH_BYTES = 32;
const SALT_BYTES = 32;

type Status = Pick<SignatureFinding, "status" | "detail">;

/**
 * Verifies the header's signature over the MD5 of a CVD's body. Clients look at the low 128 bits of what the public
 * operation yields and at no padding, of which there is none; here the bits above them must be zero, as they are
 * when the vendor signs. `md5`: 16 bytes; `text`: the signature in ClamAV's radix 64.
 */
export function verifyBodySignature(md5: Uint8Array, text: string, key: KeyObject): Status {
  const plain = publicOperation(text, key);
  if (plain === null) return { status: "malformed", detail: "the signature is no number below the key's modulus" };
  const expected = Buffer.concat([Buffer.alloc(plain.length - MD5_BYTES), md5]);
  return plain.equals(expected)
    ? { status: "good", detail: "" }
    : { status: "wrong", detail: "the signature is not over this body" };
}

/**
 * Verifies a ClamAV RSA-PSS signature over content with this SHA-256. It is EMSA-PSS (RFC 8017 section 9.1.2: SHA-256,
 * MGF1, 32 bytes of salt) but for one bit: the vendor's moduli have 2,047 bits, for which the RFC clears the two
 * highest bits of the encoded message, while the vendor clears one. A verifier by the book (OpenSSL's) therefore takes
 * many a genuine signature for a wrong one.
 */
export function verifyPssSignature(sha256: Uint8Array, text: string, key: KeyObject): Status {
  const encoded = publicOperation(text, key);
  if (encoded === null) return { status: "malformed", detail: "the signature is no number below the key's modulus" };
  return pssMatches(encoded, sha256)
    ? { status: "good", detail: "" }
    : { status: "wrong", detail: "the signature is not over these bytes" };
}

function pssMatches(encoded: Buffer, sha256: Uint8Array): boolean {
  const maskedLength = encoded.length - HASH_BYTES - 1;
  const hash = encoded.subarray(maskedLength, -1);
  const mask = mgf1(hash, maskedLength);
  const block = Buffer.from(encoded.subarray(0, maskedLength).map((byte, at) => byte ^ (mask[at] ?? 0)));
  // Two bits that say nothing: a signer by the RFC has cleared both, the vendor one, and clients take either.
  block[0] = (block[0] ?? 0) & 0x3f;
  // Clients skip to the first 01; we want the zeros before it that the vendor writes and the RFC demands.
  const salt = block.subarray(maskedLength - SALT_BYTES);
  const padding = Buffer.alloc(maskedLength - SALT_BYTES);
  padding[padding.length - 1] = 1;
  const expected = createHash("sha256").update(Buffer.alloc(8)).update(sha256).update(salt).digest();
  return (
    encoded[encoded.length - 1] === 0xbc && block.subarray(0, padding.length).equals(padding) && expected.equals(hash)
  );
}

/** MGF1 with SHA-256 (RFC 8017 appendix B.2.1). */
function mgf1(seed: Uint8Array, length: number): Buffer {
  const rounds = Array.from({ length: Math.ceil(length / HASH_BYTES) }, (_, round) => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(round);
    return createHash("sha256").update(seed).update(counter).digest();
  });
  return Buffer.concat(rounds).subarray(0, length);
}

/** What the signer's private operation was applied to, as long as the modulus; `null` for a number out of its range. */
function publicOperation(text: string, key: KeyObject): Buffer | null {
  // Rounded up: the moduli of the two newer keys have 2,047 bits.
  const signature = decodeRadix64(text, Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8));
  if (signature === null) return null;
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    // With no padding to be wrong, OpenSSL refuses only numbers that are not below the modulus.
    return null;
  }
}
