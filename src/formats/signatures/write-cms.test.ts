import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import fc from "fast-check";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { makePinnedPki, TODAY } from "../../../test/fixtures/pinned-pki.ts";
import { readCertificate } from "./certificate.ts";
import { pem, writeCertificate } from "./write-certificate.ts";
import { signDetachedCms } from "./write-cms.ts";

const skip = needsProgram("openssl", "openssl");
const GUARD = Buffer.from("[GuardHeader]\nLegal=Synthetic\n");
const pki = makePinnedPki();
const { root, ca, plainCa } = pki;

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "write-cms-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function openssl(files: Readonly<Record<string, Uint8Array | string>>, ...args: readonly string[]): string {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(path.join(folder, name), bytes);
  const run = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

test("openssl verifies what is signed here", { skip }, () => {
  const ways = [
    [pki.leaf, {}],
    [pki.leaf, { digest: "sha384" }],
    [pki.leaf, { digest: "sha1" }],
    [pki.leaf, { attributes: false }],
    [pki.rsaLeaf, {}],
    [pki.rsaLeaf, { digest: "sha512" }],
    [pki.rsaLeaf, { digest: "md5" }],
    [pki.rsaLeaf, { attributes: false }],
  ] as const;
  for (const [signer, options] of ways) {
    const signature = signDetachedCms(GUARD, signer, {
      signedAt: TODAY,
      embed: [signer.certificate, ca.certificate],
      ...options,
    });
    const args = ["-binary", "-inform", "DER", "-in", "signature", "-content", "guard", "-CAfile", "root.pem"];
    const checks = ["-purpose", "any", "-attime", String(TODAY / 1_000), "-out", "out"];
    openssl({ signature, guard: GUARD, "root.pem": root.pem }, "cms", "-verify", ...args, ...checks);
  }
});

test("openssl reads the certificates, and verifies their chain", { skip }, () => {
  const chain = ["-attime", String(TODAY / 1_000), "-CAfile", "root.pem", "-untrusted", "ca.pem", "leaf.pem"];
  openssl({ "root.pem": root.pem, "ca.pem": ca.pem, "leaf.pem": pki.leaf.pem }, "verify", "-x509_strict", ...chain);
  const text = openssl({ "ca.pem": ca.pem }, "x509", "-in", "ca.pem", "-noout", "-text");
  for (const part of ["CA:TRUE", "Code Signing", "Certificate Sign, CRL Sign", "CN = Vendor Code Signing CA"])
    assert.ok(text.includes(part), part);
});

test("the signed bytes depend on nothing but what is signed", () => {
  const signed = (): Uint8Array =>
    signDetachedCms(GUARD, pki.rsaLeaf, { signedAt: TODAY, embed: [ca.certificate, root.certificate] });
  assert.deepEqual(signed(), signed());
});

test("what no identifier brings together is not signed", () => {
  assert.throws(() => signDetachedCms(GUARD, pki.leaf, { signedAt: TODAY, digest: "md5" }), RangeError);
  const key = generateKeyPairSync("x25519").privateKey;
  assert.throws(
    () => signDetachedCms(GUARD, { key, certificate: pki.leaf.certificate }, { signedAt: TODAY }),
    RangeError,
  );
});

test("an Ed25519 key signs and is certified (RFC 8410, RFC 8419)", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const issuer = { subject: "CN=Ed", key: privateKey };
  const made = writeCertificate({ subject: "CN=Ed", serial: 1n, notBefore: 0, notAfter: TODAY, publicKey, issuer });
  assert.ok(new X509Certificate(made).verify(publicKey));
  const signature = signDetachedCms(GUARD, { key: privateKey, certificate: made }, { signedAt: TODAY });
  assert.ok(Buffer.from(signature).includes(Buffer.from("06032b6570", "hex")));
});

test("serial numbers, names and times of any size are read back", () => {
  const { subject, key } = plainCa;
  const { publicKey } = pki.leaf;
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: (1n << 159n) - 1n }),
      fc.string({ minLength: 1, maxLength: 64, unit: "grapheme-ascii" }).filter((name) => !/[=,]/.test(name)),
      fc.integer({ min: 0, max: 4_000_000_000 }),
      (serial, name, seconds) => {
        const times = { notBefore: 0, notAfter: seconds * 1_000 };
        const made = writeCertificate({
          subject: `C=DE, CN=${name}`,
          serial,
          ...times,
          publicKey,
          issuer: { subject, key },
        });
        const read = new X509Certificate(made);
        assert.equal(BigInt(`0x${read.serialNumber}`), serial);
        assert.equal(read.validToDate.getTime(), seconds * 1_000);
        assert.ok(read.checkIssued(new X509Certificate(plainCa.pem)) && read.verify(plainCa.publicKey));
        const common = readCertificate(made)?.fields.subject.typesAndValues[1]?.value.valueBlock.value;
        assert.equal(common, name);
        assert.ok(new X509Certificate(pem(made)).raw.equals(read.raw));
      },
    ),
    { numRuns: 60 },
  );
});
