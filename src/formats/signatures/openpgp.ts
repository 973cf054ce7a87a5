import * as openpgp from "openpgp";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import { describe, inspectAll, isSignature } from "./openpgp-packets.ts";

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
  const fault = frameFault(input.file);
  if (fault !== null) return { text: null, findings: [malformed(input.over, fault)] };
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

/** What the library must not be given: it would read it otherwise than others do, or for minutes. */
function frameFault(file: string): string | null {
  // It drops a carriage return within a line before it verifies; another reader would see two lines there.
  if (/\r(?!\n)/.test(file)) return "a carriage return within a line";
  let lines = 0;
  for (let at = file.indexOf("\n"); at !== -1; at = file.indexOf("\n", at + 1)) lines += 1;
  if (lines > LIMITS.feedNames) return `more than ${LIMITS.feedNames} lines`;
  // The first line of dashes behind the header ends the text: in the text such lines are escaped.
  const end = file.indexOf("\n-----", file.indexOf(CLEARTEXT_BEGIN) + CLEARTEXT_BEGIN.length);
  if (file.length - end > LIMITS.signatureBytes) return `more than ${LIMITS.signatureBytes} bytes behind the text`;
  return null;
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

function countPackets(packets: readonly unknown[]): string | null {
  if (packets.length > LIMITS.signaturesPerFile) return `more than ${LIMITS.signaturesPerFile} signatures`;
  return packets.some(isSignature) ? null : "no signature that can be read";
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
