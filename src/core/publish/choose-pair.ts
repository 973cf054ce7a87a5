/** The two files of one certificate. */
export interface PairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** How tools that renew certificates name what they leave in a folder, in the order in which they are looked for. */
const LAYOUTS: readonly { readonly key: (name: string) => string; readonly certificate: (name: string) => string }[] = [
  // certbot's live/NAME, dehydrated.
  { key: () => "privkey.pem", certificate: () => "fullchain.pem" },
  // acme.sh: the chain stands under one name, the key under the host's.
  { key: (name) => `${name}.key`, certificate: () => "fullchain.cer" },
  // lego, Caddy, a Kubernetes secret (tls.crt).
  { key: (name) => `${name}.key`, certificate: (name) => `${name}.crt` },
];

/**
 * The pair among the names of a folder's files, or how many were found where it is not one. `name` says which of
 * several; `null`: the only one.
 */
export function choosePair(names: readonly string[], name: string | null): PairFiles | number {
  const there = new Set(names);
  const hosts = name === null ? names.flatMap((each) => /^(.+)\.key$/.exec(each)?.[1] ?? []) : [name];
  for (const layout of LAYOUTS) {
    const pairs = new Map<string, PairFiles>();
    for (const host of ["", ...hosts]) {
      const pair = { certificate: layout.certificate(host), key: layout.key(host) };
      if (there.has(pair.certificate) && there.has(pair.key)) pairs.set(pair.key, pair);
    }
    const [first] = pairs.values();
    if (first !== undefined) return pairs.size === 1 ? first : pairs.size;
  }
  return 0;
}
