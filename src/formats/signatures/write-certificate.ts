import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { Instant } from "../../core/kernel/instant.ts";
import {
  bits,
  integer,
  octets,
  oid,
  printable,
  sequence,
  setOf,
  tagged,
  taggedPrimitive,
  time,
  utf8,
  yes,
} from "./der.ts";
import { type SigningDigest, signingAlgorithm } from "./signing-algorithm.ts";

type CertificateUsage = "code-signing" | "server-auth" | "any";

/** A certificate to be made. Subjects are `CN=…`, or several of `C=`, `O=`, `OU=` and `CN=` with ", " between. */
export interface NewCertificate {
  readonly subject: string;
  readonly serial: bigint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly publicKey: KeyObject;
  /** Whether it may issue others. */
  readonly ca?: boolean;
  /** Intermediates below it, at most; where left out, any number. */
  readonly pathLength?: number;
  /** Extended key usages; where left out, none is stated. */
  readonly usages?: readonly CertificateUsage[];
  readonly digest?: SigningDigest;
  /** Whole extensions beside those above, DER. */
  readonly extensions?: readonly Uint8Array[];
  /** Its own subject and private key in a root. */
  readonly issuer: { readonly subject: string; readonly key: KeyObject };
}

const ATTRIBUTES: Readonly<Record<string, string>> = { C: "2.5.4.6", O: "2.5.4.10", OU: "2.5.4.11", CN: "2.5.4.3" };

const USAGES: Readonly<Record<CertificateUsage, string>> = {
  "code-signing": "1.3.6.1.5.5.7.3.3",
  "server-auth": "1.3.6.1.5.5.7.3.1",
  any: "2.5.29.37.0",
};

const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const EXTENDED_KEY_USAGE = "2.5.29.37";

const DIGITAL_SIGNATURE = bits(Buffer.from([0x80]), 7);
const CERT_AND_CRL_SIGN = bits(Buffer.from([0x06]), 1);

/** An X.509 v3 certificate, DER (RFC 5280 section 4). */
export function writeCertificate(c: NewCertificate): Uint8Array {
  const algorithm = signingAlgorithm(c.issuer.key, c.digest ?? "sha256");
  const signed = sequence(
    tagged(0, integer(2n)),
    integer(c.serial),
    algorithm.identifier,
    writeName(c.issuer.subject),
    sequence(time(c.notBefore), time(c.notAfter)),
    writeName(c.subject),
    c.publicKey.export({ format: "der", type: "spki" }),
    tagged(3, sequence(...extensions(c))),
  );
  return sequence(signed, algorithm.identifier, bits(algorithm.sign(signed)));
}

function extensions(c: NewCertificate): readonly Uint8Array[] {
  const length = c.pathLength === undefined ? [] : [integer(BigInt(c.pathLength))];
  return [
    extension(BASIC_CONSTRAINTS, true, c.ca === true ? sequence(yes(), ...length) : sequence()),
    extension(KEY_USAGE, true, c.ca === true ? CERT_AND_CRL_SIGN : DIGITAL_SIGNATURE),
    ...(c.usages === undefined
      ? []
      : [extension(EXTENDED_KEY_USAGE, false, sequence(...c.usages.map((usage) => oid(USAGES[usage]))))]),
    extension(SUBJECT_KEY_IDENTIFIER, false, octets(keyIdentifier(c.publicKey))),
    extension(
      AUTHORITY_KEY_IDENTIFIER,
      false,
      sequence(taggedPrimitive(0, keyIdentifier(createPublicKey(c.issuer.key)))),
    ),
    ...(c.extensions ?? []),
  ];
}

function extension(identifier: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(identifier), ...(critical ? [yes()] : []), octets(value));
}

/** RFC 7093 section 2 method 1: the first 160 bits of SHA-256 where RFC 5280 had SHA-1. */
function keyIdentifier(key: KeyObject): Uint8Array {
  const spki = key.export({ format: "der", type: "spki" });
  return createHash("sha256").update(spki).digest().subarray(0, 20);
}

function writeName(subject: string): Uint8Array {
  const parts = subject.includes("=") ? subject.split(/, (?=[A-Z]{1,2}=)/) : [`CN=${subject}`];
  return sequence(
    ...parts.map((part) => {
      const [, kind = "", value = ""] = /^([A-Z]{1,2})=(.+)$/s.exec(part) ?? [];
      const identifier = Object.hasOwn(ATTRIBUTES, kind) ? ATTRIBUTES[kind] : undefined;
      if (identifier === undefined)
        throw new RangeError("a subject is C=, O=, OU= and CN= with a comma and a space between");
      return setOf(sequence(oid(identifier), kind === "C" ? printable(value) : utf8(value)));
    }),
  );
}

/** The PEM text of a DER certificate (RFC 7468). */
export function pem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
