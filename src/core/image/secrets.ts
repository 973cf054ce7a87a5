/** How a secret begins, as those who write it begin it; what stands behind is not looked at. */
const MARKS: readonly (readonly [what: string, mark: RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/],
  ["a key of ringfort key, or of the audit log", /"format"\s*:\s*"ringfort-(?:log-)?key-1"/],
  ["a private key of age", /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]/],
  ["a secret key of minisign", /^untrusted comment: .*\r?\nRW(?:Qy|RT)/m],
  ["a login in a URL", /\b(?:https?|ftps?):\/\/[^\s/@:]+:[^\s/@]+@/],
];
/** crypt(5): a password's digest, in the second field of a line. */
const PASSWORD = /^[^:\n]+:\$[0-9a-z]+\$/m;
const HOST_KEY = /^etc\/ssh\/ssh_host_[a-z0-9]+_key$/;

/**
 * The kind of secret that a file of an image would hold, or `null`. Everybody who may read an image may read it, and every
 * machine that runs one would share it: keys and passwords lie on the data disk, or come by a credential.
 */
export function secretIn(name: string, text: string): string | null {
  if (HOST_KEY.test(name)) return "the key of one machine's ssh";
  if (/^etc\/g?shadow-?$/.test(name) && PASSWORD.test(text)) return "the digest of a password";
  return MARKS.find(([, mark]) => mark.test(text))?.[0] ?? null;
}
