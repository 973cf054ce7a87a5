import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import { readCertificate, readPemCertificates } from "./certificate.ts";
import { parseDetachedCms } from "./cms-structure.ts";
import { malformedSignature, verifySigners } from "./verify-signers.ts";
import { chainFault } from "./x509-chain.ts";

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

/**
 * Verifies a detached CMS signature by whoever chains to a root: one finding for each signer, or a single `malformed`
 * one. Certificates inside the signature serve as intermediates only. Throws only what reading the content throws.
 */
export async function verifyDetachedCms(input: DetachedCms): Promise<readonly SignatureFinding[]> {
  const structure = parseDetachedCms(input.signature);
  if (typeof structure === "string") return [malformedSignature(input.over, structure)];
  const intermediates = structure.embedded.flatMap((der) => readCertificate(der) ?? []);
  const roots = readPemCertificates(input.anchors);
  const anchors = roots.map((certificate) => ({ certificate, validAt: input.now, usage: "any" }) as const);
  return verifySigners(structure, input.content, input.over, {
    known: [...intermediates, ...roots],
    legacySha1: false,
    nameOf: ({ subject }) => subject,
    chainFault: (leaf) => chainFault(leaf, { intermediates, anchors, legacySha1: false }),
  });
}
