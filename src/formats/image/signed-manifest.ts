import { type ImageManifest, MANIFEST_FILE, parseManifest } from "../../core/image/manifest.ts";
import { type Refusal, refuse } from "../../core/kernel/errors.ts";
import { SECOND } from "../../core/kernel/instant.ts";
import { inspectMinisign, type MinisignKey } from "../signatures/minisign.ts";
import { type MinisignSigner, signMinisign } from "../signatures/write-minisign.ts";

/** The signature over a manifest's text. Its time is the image's own, so that two builds are one. */
export function signManifest(manifest: string, created: number, signer: MinisignSigner): Uint8Array {
  return signMinisign(signer, Buffer.from(manifest), { signedAt: created * SECOND, file: MANIFEST_FILE });
}

/**
 * Reads a manifest that one of the keys has signed. Nothing of it is parsed before the signature is good: what a stranger
 * wrote reaches no reader but that of four lines.
 */
export function openManifest(
  content: Uint8Array,
  signature: Uint8Array,
  keys: readonly MinisignKey[],
): ImageManifest | Refusal {
  const { status, signer, signedAt, detail } = inspectMinisign({
    keys,
    signature,
    content,
    over: MANIFEST_FILE,
  });
  if (status === "unknown-key")
    return refuse("image.signer-unknown", `${MANIFEST_FILE} is signed by the key ${signer}`);
  if (status !== "good") return refuse("image.signature-wrong", `${MANIFEST_FILE}: ${detail === "" ? status : detail}`);
  const image = parseManifest(Buffer.from(content).toString("utf8"));
  if ("fault" in image) return refuse("image.malformed", `${MANIFEST_FILE}: ${image.fault}`);
  // An image signed again later than it was made would pass for a newer one by its signature alone.
  if (signedAt !== image.created * SECOND)
    return refuse("image.malformed", `${MANIFEST_FILE}: it was signed for another time than it says`);
  return image;
}
