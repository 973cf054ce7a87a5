import { constants, randomBytes, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { Failure } from "../../core/kernel/errors.ts";
import type { LeastVersion, TlsIdentity } from "../../wire/jobs.ts";

/**
 * TLS 1.2 by forward secrecy and authenticated encryption alone: no CBC (Lucky 13, CVE-2013-0169), no RSA key exchange
 * (ROBOT, CVE-2017-13099), no finite-field DH (Raccoon, CVE-2020-1968; D(HE)at, CVE-2002-20001). RFC 9325 section 4.2.
 */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** How a server refuses a name of the client's (`SNICallback` of node:tls). */
type CheckName = (name: string, done: (refused: Error | null) => void) => void;

/** What handshakes show now. It is exchanged while connections go on; those keep what they saw. */
export class ShownIdentity {
  readonly #least: LeastVersion;
  #identity: TlsIdentity;
  #certificate: X509Certificate;
  readonly #listeners: (() => void)[] = [];

  /** Throws `Failure` `config.invalid` when TLS can't be served with it. */
  constructor(identity: TlsIdentity, least: LeastVersion) {
    this.#least = least;
    this.#certificate = checked(identity);
    this.#identity = identity;
  }

  /** Throws as the constructor does, and goes on showing what it showed. */
  show(identity: TlsIdentity): void {
    this.#certificate = checked(identity);
    this.#identity = identity;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` whenever something else is to be shown. */
  onShow(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * For one context, with ticket keys of its own: whoever gets at keys of today reads nothing that was resumed under
   * yesterday's, and nobody who was let in by an authority that is no longer ours comes back by a ticket.
   */
  contextOptions(): SecureContextOptions & { readonly ticketKeys: Buffer } {
    const { certificate, key, authorities } = this.#identity;
    return {
      cert: certificate,
      key,
      ...(authorities === null ? {} : { ca: authorities }),
      minVersion: `TLSv${this.#least}`,
      ciphers: CIPHERS,
      // Of sound ciphers the client knows best which is fast on its machine.
      honorCipherOrder: false,
      // A client renegotiates to keep our processor busy (CVE-2011-1473, CVE-2021-3449), and for nothing else.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ticketKeys: randomBytes(48),
    };
  }

  /**
   * A client that means another host is refused: what it was led to us for is some other service's answer (ALPACA,
   * CVE-2021-3618). One that names nobody came by an address; lftp writes that as a name, against RFC 6066 section 3.
   */
  readonly checkName: CheckName = (name, done) => {
    const ours = isIP(name) !== 0 || this.#certificate.checkHost(name) !== undefined;
    done(ours ? null : new Error("a name that is not ours"));
  };
}

function checked(identity: TlsIdentity): X509Certificate {
  const { certificate, key, authorities } = identity;
  try {
    createSecureContext({ cert: certificate, key, ...(authorities === null ? {} : { ca: authorities }) });
    return new X509Certificate(certificate);
  } catch (cause) {
    throw new Failure("config.invalid", "this certificate and this key are no pair for TLS", { cause });
  }
}
