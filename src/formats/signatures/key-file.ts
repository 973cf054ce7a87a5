import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import * as z from "zod";
import { Failure } from "../../core/kernel/errors.ts";
import { DAY, type Instant } from "../../core/kernel/instant.ts";
import type { LiveupdateTrust } from "../../core/model/source.ts";
import { readPemCertificates } from "./certificate.ts";
import { pem, writeCertificate } from "./write-certificate.ts";
import type { CmsSigner } from "./write-cms.ts";
import { type MinisignSigner, minisignSigner } from "./write-minisign.ts";

const FORMAT = "ringfort-key-1";
/** Ten years: a signer that is pinned is replaced by pinning another, and not by time alone. */
const VALID_FOR = 3_652 * DAY;
/** Certificates begin a day early, for clients whose clocks are behind. */
const HEAD_START = DAY;

// What X.520 allows a common name, and one line on a terminal.
const name = z
  .string()
  .max(64)
  .regex(/^[^\p{Cc}\p{Cf}\u2028\u2029]+$/u);
const pemText = z.string().max(65_536);

const minisignKeyFile = z.strictObject({
  format: z.literal(FORMAT),
  kind: z.literal("minisign"),
  name,
  created: z.int().nonnegative(),
  /** The Ed25519 seed. Secret. */
  seed: z.base64().length(44),
  keyId: z.base64().length(12),
  publicKey: z.string().length(56),
});

const x509KeyFile = z.strictObject({
  format: z.literal(FORMAT),
  kind: z.literal("x509"),
  name,
  created: z.int().nonnegative(),
  /** PKCS #8, PEM. Secret. */
  privateKey: pemText,
  /** PEM: the signer's certificate, those between, and the root. */
  certificate: pemText,
  intermediates: z.array(pemText).max(8),
  root: pemText,
});

const keyFile = z.discriminatedUnion("kind", [minisignKeyFile, x509KeyFile]);

export type MinisignKeyFile = z.infer<typeof minisignKeyFile>;
export type X509KeyFile = z.infer<typeof x509KeyFile>;
/** A secret key with what the other side needs to trust it, as it stands in a file. */
export type KeyFile = z.infer<typeof keyFile>;

export interface NewKey {
  /** For people, and the subject of certificates. */
  readonly name: string;
  readonly now: Instant;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A new minisign key, for signed lists and recalls. */
export function newMinisignKey({ name: given, now, randomBytes }: NewKey): MinisignKeyFile {
  const [seed, keyId] = [randomBytes(32), randomBytes(8)];
  return {
    format: FORMAT,
    kind: "minisign",
    name: checkedName(given),
    created: now,
    seed: Buffer.from(seed).toString("base64"),
    keyId: Buffer.from(keyId).toString("base64"),
    publicKey: minisignSigner(seed, keyId).publicKey,
  };
}

/**
 * A new root with one code-signing certificate under it, both P-256. The root's own key is gone when this returns: it
 * could only make signers that nobody has pinned.
 */
export function newX509Key({ name: given, now, randomBytes }: NewKey): X509KeyFile {
  const [root, leaf] = [newKeyPair(), newKeyPair()];
  const subject = checkedName(given).replaceAll(/[=,]/g, " ");
  const issuer = { subject: `O=${subject}, CN=Root`, key: root.privateKey };
  const validity = { notBefore: now - HEAD_START, notAfter: now + VALID_FOR };
  const rootCertificate = writeCertificate({
    subject: issuer.subject,
    serial: newSerial(randomBytes),
    ...validity,
    publicKey: root.publicKey,
    ca: true,
    pathLength: 0,
    issuer,
  });
  const certificate = writeCertificate({
    subject: `O=${subject}, CN=LiveUpdate signer`,
    serial: newSerial(randomBytes),
    ...validity,
    publicKey: leaf.publicKey,
    usages: ["code-signing"],
    issuer,
  });
  return {
    format: FORMAT,
    kind: "x509",
    name: given,
    created: now,
    privateKey: leaf.privateKey.export({ format: "pem", type: "pkcs8" }),
    certificate: pem(certificate),
    intermediates: [],
    root: pem(rootCertificate),
  };
}

function checkedName(given: string): string {
  const parsed = name.safeParse(given);
  if (!parsed.success) throw new Failure("config.invalid", "a key's name is 1 to 64 characters on one line");
  return parsed.data;
}

function newKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

/** RFC 5280 section 4.1.2.2: positive, of at most 20 bytes, and nobody can foretell it. */
function newSerial(randomBytes: NewKey["randomBytes"]): bigint {
  return BigInt(`0x40${Buffer.from(randomBytes(15)).toString("hex")}`);
}

export function formatKeyFile(file: KeyFile): string {
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Reads a key file; `label` names it in messages, which never hold any of its text.
 *
 * @throws Failure `config.invalid` when it is none, or its parts do not belong together.
 */
export function parseKeyFile(text: string, label: string): KeyFile {
  const parsed = keyFile.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(label, `at ${issue?.path.join(".") || "its beginning"}`);
  }
  const file = parsed.data;
  try {
    if (file.kind === "minisign") minisignSignerOf(file);
    else cmsSignerOf(file);
  } catch (cause) {
    throw invalid(label, cause instanceof RangeError ? cause.message : "its private key cannot be read");
  }
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The message of JSON.parse quotes the text, which is secret.
    return null;
  }
}

function invalid(label: string, detail: string): Failure {
  return new Failure("config.invalid", `${label} is no ${FORMAT} file: ${detail}`);
}

/** @throws RangeError when the public key is not that of the seed. */
export function minisignSignerOf(file: MinisignKeyFile): MinisignSigner {
  const signer = minisignSigner(Buffer.from(file.seed, "base64"), Buffer.from(file.keyId, "base64"));
  if (signer.publicKey !== file.publicKey) throw new RangeError("the public key is not that of the seed");
  return signer;
}

/** The signer, and the certificates that a signature carries along. @throws RangeError when key and certificate differ. */
export function cmsSignerOf(file: X509KeyFile): { readonly signer: CmsSigner; readonly embed: readonly Uint8Array[] } {
  const key = createPrivateKey(file.privateKey);
  const [leaf] = readPemCertificates([file.certificate]);
  if (leaf?.x509.checkPrivateKey(key) !== true) throw new RangeError("the certificate is not that of the private key");
  const between = readPemCertificates(file.intermediates);
  if (between.length !== file.intermediates.length || readPemCertificates([file.root]).length !== 1)
    throw new RangeError("one of the certificates cannot be read");
  return {
    signer: { key, certificate: leaf.x509.raw },
    embed: [leaf, ...between].map(({ x509 }) => x509.raw),
  };
}

/** What a source that takes content signed by this key has as its `trust`. */
export function trustInKey(file: X509KeyFile): LiveupdateTrust {
  return {
    kind: "liveupdate",
    signers: [file.certificate],
    intermediates: [...file.intermediates],
    anchors: [{ certificate: file.root, time: "checked", usage: "code-signing" }],
    profile: "modern",
    innerGuard: "required",
  };
}
