import type { Instant } from "../../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { Trust } from "../../../core/model/source.ts";
import { inspectMinisign, readMinisignKeys } from "../../../formats/signatures/minisign.ts";
import {
  CLEARTEXT_BEGIN,
  inspectCleartext,
  inspectDetached,
  readOpenpgpKeys,
} from "../../../formats/signatures/openpgp.ts";

/** A detached signature at hand. */
export interface SignatureFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where the detached signature of a list is looked for, in this order. */
export function signaturePlaces(file: string, trust: Trust): readonly string[] {
  if (trust.kind === "openpgp")
    return trust.signature === undefined ? [`${file}.gpg`, `${file}.asc`, `${file}.sig`] : [trust.signature];
  if (trust.kind === "minisign") return [trust.signature ?? `${file}.minisig`];
  return [];
}

/** Whether the list is a clear-text signed message (RFC 9580 section 7). No line of a checksum list begins like one. */
export function isClearSigned(text: string): boolean {
  return text.startsWith(CLEARTEXT_BEGIN) || text.includes(`\n${CLEARTEXT_BEGIN}`);
}

interface Input {
  readonly file: string;
  readonly trust: Trust;
  readonly now: Instant;
  /** The list's bytes, and the same as text. */
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly detached: SignatureFile | null;
}

/**
 * What is to be seen of the signatures over a list. `signedText` is all that may be read as the list: of a clear-text
 * signed one the signed part, whoever's signature is trusted; `null` when that part cannot be told.
 */
export async function inspectListSignatures(
  input: Input,
): Promise<{ readonly signedText: string | null; readonly findings: readonly SignatureFinding[] }> {
  const { file, trust, now, bytes, text, detached } = input;
  const keys = trust.kind === "openpgp" ? await readOpenpgpKeys(trust.keys) : [];
  const clear = isClearSigned(text) ? await inspectCleartext({ keys, file: text, over: file, now }) : null;
  // Another scheme's source asks for no OpenPGP key: strangers' signatures are nothing to report there.
  const findings = trust.kind === "openpgp" && clear !== null ? [...clear.findings] : [];
  if (detached !== null && trust.kind === "openpgp") {
    findings.push(...(await inspectDetached({ keys, signature: detached.bytes, content: bytes, over: file, now })));
  }
  if (detached !== null && trust.kind === "minisign") {
    findings.push(
      inspectMinisign({ keys: readMinisignKeys(trust.keys), signature: detached.bytes, content: bytes, over: file }),
    );
  }
  return { signedText: clear === null ? text : clear.text, findings };
}
