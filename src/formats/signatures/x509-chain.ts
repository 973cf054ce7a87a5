import { BasicConstraints } from "pkijs";
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

export type ChainFault = Pick<SignatureFinding, "status" | "detail">;

/**
 * Whether `leaf` chains to one of `anchors` through `intermediates` at `now` (RFC 5280 section 6, without policies and
 * revocation lists, which these vendors do not publish): `null` when it does, else the fault of the chain that came
 * nearest. Intermediates come from whoever sent the signature; anchors from the source's trust alone.
 */
export function chainFault(
  leaf: ReadCertificate,
  intermediates: readonly ReadCertificate[],
  anchors: readonly ReadCertificate[],
  now: Instant,
): ChainFault | null {
  let checks = 0;
  let nearest: ChainFault = { status: "unknown-key", detail: "the signer does not chain to a trusted root" };
  const issued = (subject: ReadCertificate, issuer: ReadCertificate): boolean =>
    subject.x509.checkIssued(issuer.x509) && checks++ < CHECKS && subject.x509.verify(issuer.key);

  const climbs = (path: readonly ReadCertificate[]): boolean => {
    const top = path.at(-1) ?? leaf;
    for (const anchor of anchors) {
      const same = top.x509.raw.equals(anchor.x509.raw);
      if (!same && !issued(top, anchor)) continue;
      const fault = pathFault(same ? path : [...path, anchor], now);
      if (fault === null) return true;
      nearest = fault;
    }
    if (path.length > DEPTH) return false;
    return intermediates.some(
      (issuer) =>
        !path.includes(issuer) && mayIssue(issuer, path.length - 1) && issued(top, issuer) && climbs([...path, issuer]),
    );
  };
  return climbs([leaf]) ? null : nearest;
}

/** What is wrong with a path from a signer (first) to an anchor (last) whose signatures all verify. */
function pathFault(path: readonly ReadCertificate[], now: Instant): ChainFault | null {
  for (const [at, certificate] of path.entries()) {
    const { x509, subject } = certificate;
    const isAnchor = at === path.length - 1;
    const weakness = weaknessOfKey(certificate.key) ?? (isAnchor ? null : weaknessOfIssuance(certificate));
    if (weakness !== null) return { status: "weak", detail: `${subject}: ${weakness}` };
    if (!isAnchor && !understood(certificate))
      return { status: "unknown-key", detail: `${subject}: an extension forbids its use` };
    const [from, to] = [x509.validFromDate.getTime(), x509.validToDate.getTime()];
    if (now > to) return { status: "expired", detail: `${subject}: its certificate expired ${formatInstant(to)}` };
    if (now < from)
      return { status: "expired", detail: `${subject}: its certificate is not valid before ${formatInstant(from)}` };
  }
  return null;
}

/**
 * Whether an embedded certificate may issue one with `below` intermediates under it: it says that it is an authority,
 * and its path length (RFC 5280 section 4.2.1.9) allows that many. `checkIssued` has looked at its key usage.
 */
function mayIssue({ x509, fields }: ReadCertificate, below: number): boolean {
  if (!x509.ca) return false;
  const constraints = fields.extensions?.find(({ extnID }) => extnID === BASIC_CONSTRAINTS)?.parsedValue;
  if (!(constraints instanceof BasicConstraints)) return false;
  const { pathLenConstraint } = constraints;
  return pathLenConstraint === undefined || (typeof pathLenConstraint === "number" && pathLenConstraint >= below);
}

function understood({ fields }: ReadCertificate): boolean {
  // Name constraints are not evaluated here, so that a certificate which has them is not used, marked critical or not.
  return (fields.extensions ?? []).every(
    ({ extnID, critical }) => extnID !== NAME_CONSTRAINTS && (!critical || HEEDED.has(extnID)),
  );
}
