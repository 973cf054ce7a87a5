/** What every process reads of the machine to start: OpenSSL gives up over a configuration that it may not open. */
export const STARTING_READS: readonly string[] = ["/etc/ld.so.cache", "/etc/ssl/openssl.cnf"];

/** What a process that connects needs of the machine: how names are resolved, and whose certificates are trusted. */
export const MACHINE_READS: readonly string[] = [
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/host.conf",
  "/etc/nsswitch.conf",
  "/etc/gai.conf",
  "/etc/services",
  "/run/systemd/resolve",
  "/run/resolvconf",
  "/etc/ssl/certs",
  "/etc/ssl/cert.pem",
  "/etc/pki/tls/certs",
  "/etc/pki/ca-trust/extracted",
  "/usr/share/ca-certificates",
  "/usr/local/share/ca-certificates",
];

/**
 * What the keeper looks at besides: what its processes are (of others the kernel shows it nothing that a tracer could see), and which time it is
 * here.
 */
export const KEEPER_READS: readonly string[] = ["/proc", "/etc/localtime", "/usr/share/zoneinfo"];

/** What a process is given in place of a stream. */
export const KEEPER_WRITES: readonly string[] = ["/dev/null"];
