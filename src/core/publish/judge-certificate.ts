import { type Refusal, refuse } from "../kernel/errors.ts";
import { DAY, type Duration, formatInstant, type Instant } from "../kernel/instant.ts";

/** What was seen of a certificate and of the key beside it. */
export interface CertificateFacts {
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** The names that it speaks for, as it has them: "DNS:mirror.example". */
  readonly names: readonly string[];
  /** Why a server cannot be run with both; `null` when it can. */
  readonly fault: { readonly code: "certificate.key-differs" | "certificate.unusable"; readonly detail: string } | null;
}

/** Whether a new certificate may take the place of the one that is shown. */
export function judgeCertificate({ fault, notBefore, notAfter }: CertificateFacts, now: Instant): Refusal | null {
  if (fault !== null) return refuse(fault.code, fault.detail);
  if (now > notAfter) return refuse("certificate.expired", `it ended at ${formatInstant(notAfter)}`);
  if (now < notBefore) return refuse("certificate.not-yet-valid", `it begins at ${formatInstant(notBefore)}`);
  return null;
}

/** No warning comes earlier: tools renew a month before the end, and have had a week to fail by then. */
const EARLIEST_WARNING: Duration = 21 * DAY;

/** How a certificate stands to its end: `ending` when whoever renews it should have done so by now. */
export function endOf({ notBefore, notAfter }: CertificateFacts, now: Instant): "far" | "ending" | "expired" {
  if (now > notAfter) return "expired";
  const early = Math.min(EARLIEST_WARNING, (notAfter - notBefore) / 4);
  return notAfter - now < early ? "ending" : "far";
}
