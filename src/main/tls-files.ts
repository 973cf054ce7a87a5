import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import path from "node:path";
import { createSecureContext } from "node:tls";
import type { PairPlace } from "../core/config-tls.ts";
import { Failure } from "../core/kernel/errors.ts";
import { choosePair, type PairFiles } from "../core/publish/choose-pair.ts";
import type { CertificateFacts } from "../core/publish/judge-certificate.ts";
import type { IdentityPlace, ReadIdentity } from "../daemon/certificates.ts";

/** Bytes of a certificate with its chain, or of a key; and of a file of authorities. */
const MOST_PEM_BYTES = 32 * 1_024;
const MOST_AUTHORITY_BYTES = 256 * 1_024;
/** Names of a folder that are looked at. */
const MOST_NAMES = 10_000;

/** Reads what a TLS server is to show. Throws `Failure` `config.unreadable` and `config.invalid`, which name no content. */
export async function readIdentity({ pair, authorities }: IdentityPlace): Promise<ReadIdentity> {
  const files = await pairFiles(pair);
  const identity = {
    certificate: await readPem(files.certificate, MOST_PEM_BYTES),
    key: await readPem(files.key, MOST_PEM_BYTES),
    authorities: authorities === null ? null : await readPem(authorities, MOST_AUTHORITY_BYTES),
  };
  const mark = createHash("sha256").update(JSON.stringify(identity)).digest("hex");
  return { identity, facts: factsOf(identity, files), mark };
}

async function pairFiles(place: PairPlace): Promise<PairFiles> {
  if (!("folder" in place)) return place;
  const { folder, name } = place;
  const pair = choosePair(await namesIn(folder), name);
  if (typeof pair !== "number")
    return { certificate: path.join(folder, pair.certificate), key: path.join(folder, pair.key) };
  throw new Failure(
    "config.invalid",
    pair === 0
      ? `${folder} holds no certificate with its key${name === null ? "" : ` of the name ${name}`}`
      : `${folder} holds ${pair} certificates: say which by name`,
  );
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).slice(0, MOST_NAMES);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

async function readPem(file: string, most: number): Promise<string> {
  const bytes = Buffer.alloc(most + 1);
  try {
    // A pipe in the place of the file would keep the keeper waiting.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      const text = bytes.toString("latin1", 0, bytesRead);
      if (bytesRead <= most && text.includes("-----BEGIN ")) return text;
    } finally {
      bytes.fill(0);
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  throw new Failure("config.invalid", `${file} is no PEM file, or too long for one`);
}

function unreadable(file: string, cause: unknown): unknown {
  if (!(cause instanceof Error && "syscall" in cause)) return cause;
  return new Failure("config.unreadable", `${file} cannot be read`, { cause });
}

/** OpenSSL says in its errors what was wrong, never what stood there; still only our own words go on. */
function factsOf(identity: ReadIdentity["identity"], files: PairFiles): CertificateFacts {
  const certificate = certificateOf(identity.certificate, files.certificate);
  const key = keyOf(identity.key, files.key);
  return {
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    names: (certificate.subjectAltName ?? certificate.subject).split(/, |\n/).slice(0, 32),
    fault: faultOf(certificate, key, identity, files),
  };
}

function faultOf(
  certificate: X509Certificate,
  key: KeyObject,
  { certificate: cert, key: pem, authorities }: ReadIdentity["identity"],
  files: PairFiles,
): CertificateFacts["fault"] {
  if (!certificate.checkPrivateKey(key))
    return { code: "certificate.key-differs", detail: `${files.certificate} and ${files.key} are no pair` };
  try {
    createSecureContext({ cert, key: pem, ...(authorities === null ? {} : { ca: authorities }) });
    return null;
  } catch {
    return { code: "certificate.unusable", detail: `TLS cannot be served with ${files.certificate} and ${files.key}` };
  }
}

function certificateOf(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Failure("config.invalid", `${file} does not begin with a certificate that can be read`, { cause });
  }
}

function keyOf(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Failure("config.invalid", `${file} is no key that can be read without a passphrase`, { cause });
  }
}
