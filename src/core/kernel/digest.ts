declare const sha256Brand: unique symbol;

/** A SHA-256 digest, 64 lower-case hexadecimal characters: the name of a blob. */
export type Sha256 = string & { readonly [sha256Brand]: true };

const SHA256_HEX = /^[0-9a-f]{64}$/;

/** Reads a hexadecimal SHA-256 in either case; `null` when the text is anything else. */
export function parseSha256(text: string): Sha256 | null {
  const lower = text.toLowerCase();
  return SHA256_HEX.test(lower) ? (lower as Sha256) : null;
}

/** The digests that may bind content. MD5 and SHA-1 bind nothing here: a format that still carries them reports facts. */
export interface Digests {
  readonly sha256?: string;
  readonly sha512?: string;
}
