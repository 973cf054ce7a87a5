import type { TLSSocket } from "node:tls";

/**
 * Who a client is by its certificate: the common name, else its first other name; `null` where it showed none. Whether
 * the certificate is believed is the socket's to say.
 */
export function clientName(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return common ?? certificate.subjectAltName?.split(", ", 1)[0] ?? certificate.fingerprint256;
}
