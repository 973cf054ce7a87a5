import { BitString } from "asn1js";
import { BasicConstraints, type Extension, ExtKeyUsage } from "pkijs";
import { formatInstant, type Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import { type ReadCertificate, weaknessOfIssuance, weaknessOfKey } from "./certificate.ts";

/** Certificates between a signer and its anchor, at most. */
const DEPTH = 6;
/**
 * Signatures checked for one chain, at most: with many certificates of one name, the ways through them grow
 * exponentially (a denial of service on verifiers that is as old as X.509).
 */
const CHECKS = 64;

const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const NAME_CONSTRAINTS = "2.5.29.30";
const EXTENDED_KEY_USAGE = "2.5.29.37";

/** The critical extensions whose meaning is heeded here; RFC 5280 section 4.2: any other makes the certificate unusable. */
const HEEDED: ReadonlySet<string> = new Set([BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE]);

const ANY_USAGE = "2.5.29.37.0";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** Bits of the first byte of a key usage (RFC 5280 section 4.2.1.3). */
const MAY_SIGN = 0x80 | 0x40;

export type ChainFault = Pick<SignatureFinding, "status" | "detail">;

/** A root, with what is asked of chains that end in it. */
export interface Anchor {
  readonly certificate: ReadCertificate;
  /** When the chain must be valid; "unknown" when that cannot be said, so that no chain is. */
  readonly validAt: Instant | "whenever" | "unknown";
  /** What the extended key usages must allow, where certificates state any. */
  readonly usage: "code-signing" | "any";
}

export interface ChainRules {
  readonly intermediates: readonly ReadCertificate[];
  readonly anchors: readonly Anchor[];
  /** Whether certificates may be signed by SHA-1. */
  readonly legacySha1: boolean;
}

/**
 * Whether `leaf` chains to an anchor (RFC 5280 section 6, without policies and revocation lists, which these vendors do
 * not publish): `null` when it does, else the fault of the chain that came last. Intermediates may come from whoever sent
 * the signature; anchors from the source's trust alone.
 */
export function chainFault(leaf: ReadCertificate, rules: ChainRules): ChainFault | null {
  let checks = 0;
  let nearest: ChainFault = { status: "unknown-key", detail: "the signer does not chain to a trusted root" };
  const issued = (subject: ReadCertificate, issuer: ReadCertificate): boolean =>
    subject.x509.checkIssued(issuer.x509) && checks++ < CHECKS && subject.x509.verify(issuer.key);

  const climbs = (path: readonly ReadCertificate[]): boolean => {
    const top = path.at(-1) ?? leaf;
    for (const anchor of rules.anchors) {
      const root = anchor.certificate;
      const same = top.x509.raw.equals(root.x509.raw);
      if (!same && !(mayAnchor(root, path.length - 1) && issued(top, root))) continue;
      const fault = pathFault(same ? path : [...path, root], anchor, rules.legacySha1);
      if (fault === null) return true;
      nearest = fault;
    }
    if (path.length > DEPTH) return false;
    return rules.intermediates.some(
      (issuer) =>
        !path.includes(issuer) && mayIssue(issuer, path.length - 1) && issued(top, issuer) && climbs([...path, issuer]),
    );
  };
  return climbs([leaf]) ? null : nearest;
}

/** What is wrong with a path from a signer (first) to an anchor (last) whose signatures all verify. */
function pathFault(path: readonly ReadCertificate[], anchor: Anchor, legacySha1: boolean): ChainFault | null {
  for (const [at, certificate] of path.entries()) {
    const { subject } = certificate;
    const isAnchor = at === path.length - 1;
    const weakness = weaknessOfKey(certificate.key) ?? (isAnchor ? null : weaknessOfIssuance(certificate, legacySha1));
    if (weakness !== null) return { status: "weak", detail: `${subject}: ${weakness}` };
    if (!understood(certificate)) return { status: "unknown-key", detail: `${subject}: an extension forbids its use` };
    if (anchor.usage === "code-signing" && !maySignCode(certificate, at === 0))
      return { status: "unknown-key", detail: `${subject}: its key usage does not allow code signing` };
    const untimely = timeFault(certificate, anchor.validAt);
    if (untimely !== null) return { status: "expired", detail: `${subject}: ${untimely}` };
  }
  return null;
}

function timeFault({ x509 }: ReadCertificate, validAt: Anchor["validAt"]): string | null {
  if (validAt === "whenever") return null;
  if (validAt === "unknown") return "the signed content has no date to judge its certificate by";
  const [from, to] = [x509.validFromDate.getTime(), x509.validToDate.getTime()];
  if (validAt > to) return `its certificate expired ${formatInstant(to)}`;
  return validAt < from ? `its certificate is not valid before ${formatInstant(from)}` : null;
}

/** Whether the usages that a certificate states, if any, allow code to be signed: by itself, or by those it issues. */
function maySignCode(certificate: ReadCertificate, isSigner: boolean): boolean {
  const extended = extensionOf(certificate, EXTENDED_KEY_USAGE);
  if (extended !== undefined) {
    const { parsedValue } = extended;
    const purposes = parsedValue instanceof ExtKeyUsage ? parsedValue.keyPurposes : [];
    if (!purposes.some((purpose) => purpose === CODE_SIGNING || purpose === ANY_USAGE)) return false;
  }
  const usage = extensionOf(certificate, KEY_USAGE);
  if (!isSigner || usage === undefined) return true;
  const { parsedValue } = usage;
  return parsedValue instanceof BitString && ((parsedValue.valueBlock.valueHexView[0] ?? 0) & MAY_SIGN) !== 0;
}

/**
 * Whether a certificate may issue one with `below` intermediates under it: it says that it is an authority, and its path
 * length (RFC 5280 section 4.2.1.9) allows that many. `checkIssued` looks at its key usage.
 */
function mayIssue(certificate: ReadCertificate, below: number): boolean {
  const constraints = extensionOf(certificate, BASIC_CONSTRAINTS)?.parsedValue;
  if (!certificate.x509.ca || !(constraints instanceof BasicConstraints)) return false;
  const { pathLenConstraint } = constraints;
  return pathLenConstraint === undefined || (typeof pathLenConstraint === "number" && pathLenConstraint >= below);
}

/** The same of an anchor. Roots from before version 3 of X.509 had no way to say what they are. */
function mayAnchor(root: ReadCertificate, below: number): boolean {
  const old = root.fields.version === 0 && root.x509.checkIssued(root.x509);
  return old || mayIssue(root, below);
}

function understood({ fields }: ReadCertificate): boolean {
  // Name constraints are not evaluated here, so that a certificate which has them is not used, marked critical or not.
  return (fields.extensions ?? []).every(
    ({ extnID, critical }) => extnID !== NAME_CONSTRAINTS && (!critical || HEEDED.has(extnID)),
  );
}

function extensionOf({ fields }: ReadCertificate, identifier: string): Extension | undefined {
  return fields.extensions?.find(({ extnID }) => extnID === identifier);
}
