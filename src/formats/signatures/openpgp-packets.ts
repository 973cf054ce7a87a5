import * as openpgp from "openpgp";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";

/** Everything that the library refuses for its strength alone is let through here: it is then told apart, as `weak`. */
const LENIENT: openpgp.Config = {
  ...openpgp.config,
  rejectHashAlgorithms: new Set(),
  rejectMessageHashAlgorithms: new Set(),
  rejectPublicKeyAlgorithms: new Set(),
  rejectCurves: new Set(),
  minRSABits: 0,
};

/** Versions and algorithms that the library does not know are in its list too, as packets of another class. */
export function isSignature(packet: unknown): packet is openpgp.SignaturePacket {
  return packet instanceof openpgp.SignaturePacket;
}

interface Signed {
  readonly keys: readonly openpgp.Key[];
  readonly over: string;
  readonly now: Instant;
}

/** What is to be seen of each signature over the document in `message`. */
export async function inspectAll(
  packets: readonly openpgp.SignaturePacket[],
  message: openpgp.Message<string | Uint8Array>,
  signed: Signed,
): Promise<readonly SignatureFinding[]> {
  const [data] = message.packets;
  const findings: SignatureFinding[] = [];
  for (const packet of packets.filter(isSignature)) {
    if (data !== undefined) findings.push(await inspectOne(packet, data, signed));
  }
  return findings;
}

async function inspectOne(
  packet: openpgp.SignaturePacket,
  data: object,
  { keys, over, now }: Signed,
): Promise<SignatureFinding> {
  const keyId = packet.issuerKeyID.toHex().toUpperCase();
  const finding = (
    status: SignatureFinding["status"],
    signer: string,
    detail: string,
    signedAt: Instant | null,
  ): SignatureFinding => ({
    scheme: "openpgp",
    over,
    status,
    signer,
    signedAt,
    detail: quoteOutside(detail === "" ? `key ${keyId}` : `key ${keyId}: ${detail}`, 500),
  });
  const { binary, text } = openpgp.enums.signature;
  // A certification or a time stamp verifies over something else than a file's bytes.
  if (packet.signatureType !== binary && packet.signatureType !== text)
    return finding("malformed", "", "not a signature over a document", null);
  const { created } = packet;
  if (created === null) return finding("malformed", "", "no time of signing", null);
  const key = keys.find((candidate) => candidate.getKeys(packet.issuerKeyID).length > 0);
  const [signingKey] = key?.getKeys(packet.issuerKeyID) ?? [];
  if (key === undefined || signingKey === undefined) return finding("unknown-key", keyId, "", null);
  // The primary key's, whichever subkey signed: a threshold counts people, not their subkeys.
  const signer = key.getFingerprint().toUpperCase();
  // Before anything is computed: what such a digest is said to cover may be one of several files made to share it.
  const { rejectHashAlgorithms, rejectMessageHashAlgorithms } = openpgp.config;
  const hash = packet.hashAlgorithm;
  if (hash === null || rejectHashAlgorithms.has(hash) || rejectMessageHashAlgorithms.has(hash)) {
    return finding("weak", signer, "its digest is MD5, SHA-1 or RIPEMD-160", null);
  }
  try {
    // At its own time: whether it has expired since is another question than whether it verifies.
    await packet.verify(signingKey.keyPacket, packet.signatureType, data, created, true, LENIENT);
  } catch (cause) {
    return finding("wrong", signer, describe(cause), null);
  }
  const standing = await judgeStanding(packet, created, key, signingKey, now);
  return finding(standing.status, signer, standing.detail, created.getTime());
}

interface Standing {
  readonly status: "good" | "wrong" | "expired" | "weak";
  readonly detail: string;
}

/** What a signature that verifies is worth: its age, its strength, and whether its key may sign, now. */
async function judgeStanding(
  packet: openpgp.SignaturePacket,
  created: Date,
  key: openpgp.Key,
  signingKey: openpgp.Key | openpgp.Subkey,
  now: Instant,
): Promise<Standing> {
  const expires = packet.getExpirationTime();
  if (expires.valueOf() <= now) return { status: "expired", detail: "the signature has expired" };
  if (signingKey.getCreationTime() > created) return { status: "wrong", detail: "the key is newer than the signature" };
  // The key as it stands today. Asked for the time of signing, a stolen key would stay good by back-dating, and a key
  // whose life was prolonged would lose what it signed before. A clock of ours that lags must not make keys unborn.
  const at = new Date(Math.max(now, created.getTime()));
  const lenient = await mayNotSign(key, signingKey, at, LENIENT);
  if (lenient !== null) {
    const gone = await hasGone(key, signingKey, at);
    return gone === null ? { status: "wrong", detail: lenient } : { status: "expired", detail: gone };
  }
  const strict = await mayNotSign(key, signingKey, at, openpgp.config);
  return strict === null ? { status: "good", detail: "" } : { status: "weak", detail: strict };
}

async function mayNotSign(
  key: openpgp.Key,
  signingKey: openpgp.Key | openpgp.Subkey,
  at: Date,
  config: openpgp.Config,
): Promise<string | null> {
  try {
    await key.getSigningKey(signingKey.getKeyID(), at, undefined, config);
    return null;
  } catch (cause) {
    return describe(cause);
  }
}

/** Why the key no longer stands: revoked or expired, itself or its primary key; `null` when it is neither. */
async function hasGone(key: openpgp.Key, signingKey: openpgp.Key | openpgp.Subkey, at: Date): Promise<string | null> {
  if (await key.isRevoked(undefined, undefined, at, LENIENT)) return "the key is revoked";
  if (hasPassed(await key.getExpirationTime(undefined, LENIENT), at)) return "the key has expired";
  if (!(signingKey instanceof openpgp.Subkey)) return null;
  for (const binding of signingKey.bindingSignatures) {
    if (await signingKey.isRevoked(binding, key.keyPacket, at, LENIENT)) return "the subkey is revoked";
  }
  const [newest] = signingKey.bindingSignatures.toSorted(
    (one, other) => (other.created?.getTime() ?? 0) - (one.created?.getTime() ?? 0),
  );
  const lasts = newest?.keyNeverExpires === false ? (newest.keyExpirationTime ?? 0) * 1_000 : Number.POSITIVE_INFINITY;
  return hasPassed(signingKey.getCreationTime().getTime() + lasts, at) ? "the subkey has expired" : null;
}

function hasPassed(expires: Date | number | null, at: Date): boolean {
  return expires !== null && expires.valueOf() <= at.getTime();
}

/** The library's own words, which quote what a stranger wrote. */
export function describe(cause: unknown): string {
  return quoteOutside(cause instanceof Error ? cause.message : "unreadable", 300);
}
