/**
 * Media types by the ending of a name. None that a browser runs: a page or script that a vendor put among its files
 * must not act in the name of this server.
 */
const TYPES: Readonly<Record<string, string>> = {
  asc: "application/pgp-signature",
  bz2: "application/x-bzip2",
  cab: "application/vnd.ms-cab-compressed",
  deb: "application/vnd.debian.binary-package",
  gz: "application/gzip",
  json: "application/json",
  md5: "text/plain; charset=utf-8",
  rules: "text/plain; charset=utf-8",
  sha256: "text/plain; charset=utf-8",
  sha512: "text/plain; charset=utf-8",
  sig: "application/pgp-signature",
  tar: "application/x-tar",
  tgz: "application/gzip",
  txt: "text/plain; charset=utf-8",
  xz: "application/x-xz",
  zip: "application/zip",
  zst: "application/zstd",
};

export function contentType(path: string): string {
  const ending = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return (Object.hasOwn(TYPES, ending) ? TYPES[ending] : undefined) ?? "application/octet-stream";
}
