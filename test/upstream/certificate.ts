import * as asn1js from "asn1js";
import * as pkijs from "pkijs";

/** A self-signed certificate and its key, both PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes a P-256 certificate for `names`, of an authority or its own, valid from an hour ago for a day. */
export async function makeCertificate(
  names: readonly string[],
  now: number = Date.now(),
  by: TestCertificate | null = null,
): Promise<TestCertificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = new pkijs.Certificate();
  certificate.version = 2;
  certificate.serialNumber = new asn1js.Integer({ value: crypto.getRandomValues(new Uint32Array(1)).at(0) ?? 1 });
  const value = new asn1js.Utf8String({ value: names[0] ?? "vendor" });
  certificate.subject.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: "2.5.4.3", value }));
  const issuer = by === null ? null : pkijs.Certificate.fromBER(derOf(by.cert));
  certificate.issuer = issuer?.subject ?? certificate.subject;
  certificate.notBefore.value = new Date(now - 3_600_000);
  certificate.notAfter.value = new Date(now + 86_400_000);
  const altNames = new pkijs.GeneralNames({ names: names.map((value) => new pkijs.GeneralName({ type: 2, value })) });
  const authority = new pkijs.BasicConstraints({ cA: by === null });
  certificate.extensions = [
    new pkijs.Extension({ extnID: "2.5.29.17", extnValue: altNames.toSchema().toBER() }),
    new pkijs.Extension({ extnID: "2.5.29.19", critical: true, extnValue: authority.toSchema().toBER() }),
  ];
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  const signer =
    by === null ? keys.privateKey : await crypto.subtle.importKey("pkcs8", derOf(by.key), algorithm, false, ["sign"]);
  await certificate.sign(signer, "SHA-256");
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: pem("CERTIFICATE", certificate.toSchema().toBER()), key: pem("PRIVATE KEY", key) };
}

function derOf(text: string): ArrayBuffer {
  const bytes = Buffer.from(text.replace(/-----[^-]+-----/g, ""), "base64");
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
