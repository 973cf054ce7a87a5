import type { Instant } from "../../../core/kernel/instant.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { SignatureFinding } from "../../../core/model/feed-listing.ts";
import { verifyDetachedCms } from "../../../formats/signatures/x509-cms.ts";

const FIRST_LINE = "#clamsign-1.0";
// Functionality levels of the clients that the line is for, the kind, the signature.
const SIGNATURE_LINE = /^[0-9]{0,9}:[0-9]{0,9}:pkcs7-pem:([A-Za-z0-9+/]+={0,2})$/;

/**
 * Reads a ClamAV `.sign` file: the first line names the format, each other line that is neither empty nor a comment
 * holds one detached CMS signature (DER, base64) for clients of a range of functionality levels.
 */
function parseSignFile(bytes: Uint8Array): { readonly signatures: readonly Buffer[] } | { readonly malformed: string } {
  const [first = "", ...lines] = Buffer.from(bytes).toString("latin1").split("\n");
  if (first !== FIRST_LINE) return { malformed: `does not begin with ${FIRST_LINE}` };
  const signatures: Buffer[] = [];
  for (const [at, line] of lines.entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const base64 = SIGNATURE_LINE.exec(line)?.[1];
    if (base64 === undefined) return { malformed: `line ${at + 2} is no PKCS #7 signature` };
    const der = Buffer.from(base64, "base64");
    if (der.toString("base64") !== base64) return { malformed: `line ${at + 2} is not canonical base64` };
    signatures.push(der);
    if (signatures.length > LIMITS.signaturesPerFile)
      return { malformed: `more than ${LIMITS.signaturesPerFile} signatures` };
  }
  return signatures.length === 0 ? { malformed: "no signature" } : { signatures };
}

/**
 * Verifies a `.sign` file over the content that it stands beside. Every line is verified and reported: a client takes
 * the first that is meant for its functionality level, and gives up when that one fails.
 */
export async function verifySignFile(input: {
  readonly sign: Uint8Array;
  /** Opens the content anew for each line. */
  readonly content: () => AsyncIterable<Uint8Array>;
  readonly over: string;
  readonly anchors: readonly string[];
  readonly now: Instant;
}): Promise<readonly SignatureFinding[]> {
  const { over, anchors, now } = input;
  const unusable = (detail: string): SignatureFinding => ({
    scheme: "x509-cms",
    over,
    status: "malformed",
    signer: "",
    signedAt: null,
    detail,
  });
  const parsed = parseSignFile(input.sign);
  if ("malformed" in parsed) return [unusable(`.sign: ${parsed.malformed}`)];
  const found: SignatureFinding[] = [];
  for (const signature of parsed.signatures) {
    found.push(...(await verifyDetachedCms({ signature, content: input.content(), over, anchors, now })));
    if (found.length > LIMITS.signaturesPerFile)
      return [unusable(`.sign: more than ${LIMITS.signaturesPerFile} signers`)];
  }
  return found;
}
