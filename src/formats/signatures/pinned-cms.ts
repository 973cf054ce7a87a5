import { createHash } from "node:crypto";
import { Failure } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import type { LiveupdateTrust } from "../../core/model/source.ts";
import { type ReadCertificate, readCertificate, readPemCertificates } from "./certificate.ts";
import { parseDetachedCms } from "./cms-structure.ts";
import { malformedSignature, verifySigners } from "./verify-signers.ts";
import { type Anchor, chainFault } from "./x509-chain.ts";

const DATA = "1.2.840.113549.1.7.1";

export interface PinnedCms {
  /** The CMS SignedData (RFC 5652), detached, DER or BER. */
  readonly signature: Uint8Array;
  /** The exact bytes that are signed: no line end is touched, for where one may be, two contents have one signature. */
  readonly content: Uint8Array;
  /** The path of the content, for the findings. */
  readonly over: string;
  readonly trust: LiveupdateTrust;
  /** The date that the signed content gives itself; `null` when it gives none. */
  readonly signedAt: Instant | null;
  readonly now: Instant;
}

/**
 * Verifies a detached CMS signature by signers whose certificates are pinned: one finding for each signer, or a single
 * `malformed` one; never none. The chain is built from the trust alone. Certificates inside the signature are not looked
 * at: OpenSSL's `-nointern` still completes the chain from them, and a root alone would let in every other signer under it.
 *
 * @throws Failure `source.invalid` when a certificate of the trust cannot be read.
 */
export async function verifyPinnedCms(input: PinnedCms): Promise<readonly SignatureFinding[]> {
  const { over, trust } = input;
  const { signers, intermediates, anchors } = pinsOf(trust);
  const structure = parseDetachedCms(input.signature);
  if (typeof structure === "string") return [malformedSignature(over, structure)];
  // The same signers sign programs, over content of another type: such a signature is none over a guard.
  if (structure.contentType !== DATA) return [malformedSignature(over, "the signed content is not of the type data")];
  // They are not used, but bytes that one reader cannot read are no place to let another look.
  if (structure.revocations || structure.embedded.some((der) => readCertificate(der) === null))
    return [malformedSignature(over, "what comes with the signature is no certificate")];
  const legacySha1 = trust.profile === "legacy-sha1";
  const findings = await verifySigners(structure, once(input.content), over, {
    known: signers,
    legacySha1,
    nameOf: pinOf,
    chainFault: (leaf) => chainFault(leaf, { intermediates, anchors: anchors.map(judged(input)), legacySha1 }),
  });
  return findings.map((finding) => ({ ...finding, signedAt: finding.signedAt ?? input.signedAt }));
}

interface Pins {
  readonly signers: readonly ReadCertificate[];
  /** Whatever of the trust may stand between signer and anchor. */
  readonly intermediates: readonly ReadCertificate[];
  readonly anchors: readonly (Pick<Anchor, "certificate" | "usage"> & Pick<TrustedAnchor, "time">)[];
}

type TrustedAnchor = LiveupdateTrust["anchors"][number];

/** To read the certificates of a trust costs more than to verify a signature, and one trust judges thousands. */
const read = new WeakMap<LiveupdateTrust, Pins>();

function pinsOf(trust: LiveupdateTrust): Pins {
  const known = read.get(trust);
  if (known !== undefined) return known;
  const signers = readPins(trust.signers, "trust.signers");
  const pins = {
    signers,
    intermediates: [...signers, ...readPins(trust.intermediates, "trust.intermediates")],
    anchors: trust.anchors.flatMap(({ certificate: text, time, usage }, at) =>
      readPins([text], `trust.anchors[${at}].certificate`).map((certificate) => ({ certificate, time, usage })),
    ),
  };
  read.set(trust, pins);
  return pins;
}

function readPins(texts: readonly string[], place: string): readonly ReadCertificate[] {
  return texts.flatMap((text, at) => {
    const certificates = readPemCertificates([text]);
    if (certificates.length === 0) throw new Failure("source.invalid", `${place}[${at}] is no PEM certificate`);
    return certificates;
  });
}

/** An anchor's policy, applied to one signature. */
function judged({ now, signedAt }: PinnedCms): (anchor: Pins["anchors"][number]) => Anchor {
  return ({ certificate, time, usage }) => ({
    certificate,
    usage,
    validAt: time === "checked" ? now : time === "ignored" ? "whenever" : (signedAt ?? "unknown"),
  });
}

/** A signer by its key, which stays when a certificate is renewed, and by its name for people. */
function pinOf({ key, subject }: ReadCertificate): string {
  const digest = createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest("hex");
  return `sha256:${digest} ${subject}`;
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
