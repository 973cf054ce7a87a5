import * as openpgp from "openpgp";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
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

const ARMOUR_BEGIN = "-----BEGIN PGP SIGNATURE-----";
const ARMOUR_END = "-----END PGP SIGNATURE-----";
export const CLEARTEXT_BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----";

/**
 * Reads armoured public keys; one text may hold several.
 *
 * @throws Failure `source.invalid` when one cannot be read, or is a private key, which has no business here.
 */
export async function readOpenpgpKeys(keys: readonly string[]): Promise<readonly openpgp.Key[]> {
  const read: openpgp.Key[] = [];
  for (const [at, armoredKeys] of keys.entries()) {
    try {
      read.push(...(await openpgp.readKeys({ armoredKeys })));
    } catch (cause) {
      throw new Failure("source.invalid", `trust.keys[${at}] is no armoured OpenPGP public key`, { cause });
    }
  }
  if (read.some((key) => key.isPrivate())) throw new Failure("source.invalid", "trust.keys holds a private key");
  return read;
}

/** What is to be seen of a detached signature file over `content`: one finding per signature in it. */
export async function inspectDetached(input: {
  readonly keys: readonly openpgp.Key[];
  /** Binary, or one or several armoured blocks. */
  readonly signature: Uint8Array;
  readonly content: Uint8Array;
  /** The path of what is signed. */
  readonly over: string;
  readonly now: Instant;
}): Promise<readonly SignatureFinding[]> {
  const packets = await readPackets(input.signature);
  if (typeof packets === "string") return [malformed(input.over, packets)];
  const message = await openpgp.createMessage({ binary: input.content });
  return inspectAll(packets, message, input);
}

/** A clear-text signed file, taken apart: the text that was signed, and what is to be seen of its signatures. */
export interface Cleartext {
  /** The signed text alone, as it was verified, with LF line ends; `null` when the frame could not be read. */
  readonly text: string | null;
  readonly findings: readonly SignatureFinding[];
}

/**
 * Reads a clear-text signed file (RFC 9580 section 7). What stands before and behind the signed part is in no way part
 * of `text`: it is the library's reading that was verified, and that same reading is handed on, dash escapes undone and
 * space at the ends of lines gone.
 */
export async function inspectCleartext(input: {
  readonly keys: readonly openpgp.Key[];
  readonly file: string;
  readonly over: string;
  readonly now: Instant;
}): Promise<Cleartext> {
  // The library drops a carriage return within a line before it verifies; another reader would see two lines there.
  if (/\r(?!\n)/.test(input.file))
    return { text: null, findings: [malformed(input.over, "a carriage return within a line")] };
  let packets: readonly openpgp.SignaturePacket[];
  let text: string;
  try {
    const message = await openpgp.readCleartextMessage({ cleartextMessage: input.file });
    const read = await openpgp.verify({ message, verificationKeys: [] });
    text = read.data;
    packets = (await Promise.all(read.signatures.map(async ({ signature }) => (await signature).packets))).flat();
  } catch (cause) {
    return { text: null, findings: [malformed(input.over, describe(cause))] };
  }
  const counted = countPackets(packets);
  if (counted !== null) return { text, findings: [malformed(input.over, counted)] };
  // Signed is the text with CR LF line ends (RFC 9580 section 7.1).
  const signed = await openpgp.createMessage({ text: text.replaceAll("\n", "\r\n") });
  return { text, findings: await inspectAll(packets, signed, input) };
}

async function readPackets(file: Uint8Array): Promise<readonly openpgp.SignaturePacket[] | string> {
  const packets: openpgp.SignaturePacket[] = [];
  try {
    // The first bit of every packet is set (RFC 9580 section 4.2), and never that of a letter of the armour.
    if (((file[0] ?? 0) & 0x80) !== 0)
      packets.push(...(await openpgp.readSignature({ binarySignature: file })).packets);
    else {
      const blocks = armouredBlocks(Buffer.from(file).toString("latin1"));
      if (blocks.length > LIMITS.signaturesPerFile) return `more than ${LIMITS.signaturesPerFile} signatures`;
      for (const armoredSignature of blocks)
        packets.push(...(await openpgp.readSignature({ armoredSignature })).packets);
    }
  } catch (cause) {
    return describe(cause);
  }
  return countPackets(packets) ?? packets.filter(isSignature);
}

function armouredBlocks(text: string): readonly string[] {
  const blocks: string[] = [];
  for (let begin = text.indexOf(ARMOUR_BEGIN); begin !== -1; begin = text.indexOf(ARMOUR_BEGIN, begin + 1)) {
    const end = text.indexOf(ARMOUR_END, begin);
    if (end === -1 || blocks.length > LIMITS.signaturesPerFile) break;
    blocks.push(text.slice(begin, end + ARMOUR_END.length));
    begin = end;
  }
  return blocks;
}

/** Versions and algorithms that the library does not know are in its list too, as packets of another class. */
function isSignature(packet: unknown): packet is openpgp.SignaturePacket {
  return packet instanceof openpgp.SignaturePacket;
}

function countPackets(packets: readonly unknown[]): string | null {
  if (packets.length > LIMITS.signaturesPerFile) return `more than ${LIMITS.signaturesPerFile} signatures`;
  return packets.some(isSignature) ? null : "no signature that can be read";
}

interface Signed {
  readonly keys: readonly openpgp.Key[];
  readonly over: string;
  readonly now: Instant;
}

async function inspectAll(
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
  const { rejectHashAlgorithms, rejectMessageHashAlgorithms } = openpgp.config;
  const hash = packet.hashAlgorithm;
  if (hash === null || rejectHashAlgorithms.has(hash) || rejectMessageHashAlgorithms.has(hash))
    return { status: "weak", detail: "its digest is MD5, SHA-1 or RIPEMD-160" };
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

function malformed(over: string, detail: string): SignatureFinding {
  return {
    scheme: "openpgp",
    over,
    status: "malformed",
    signer: "",
    signedAt: null,
    detail: quoteOutside(detail, 500),
  };
}

/** The library's own words, which quote what a stranger wrote. */
function describe(cause: unknown): string {
  return quoteOutside(cause instanceof Error ? cause.message : "unreadable", 300);
}
