import type { FetchJob, Validators } from "../../../wire/jobs.ts";

/** One request. */
export interface Asking {
  readonly url: URL;
  readonly userAgent: string;
  /** Set only when the request goes to the source's own origin. */
  readonly login: FetchJob["network"]["login"];
  /** Set for plain http through a proxy: the target is then absolute (RFC 9112 section 3.2.2). */
  readonly proxy: FetchJob["network"]["proxy"];
  readonly range: RangeAsked | null;
  readonly unless: Validators | null;
}

export type RangeAsked =
  | { readonly kind: "first"; readonly bytes: number }
  | { readonly kind: "rest"; readonly offset: number; readonly ifRange: string };

const STRONG_ETAG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
const VISIBLE = /^[\x20-\x7e]+$/;

/** The text of a GET (RFC 9110, RFC 9112). Nothing in it can be chosen so that it ends a line early. */
export function requestHead(asking: Asking): string {
  const { url, proxy, range, unless } = asking;
  const target = `${url.pathname}${url.search}`;
  const lines = [
    `GET ${proxy === null ? target : `http://${url.host}${target}`} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: ${asking.userAgent}`,
    "Accept: */*",
    // The bytes that the vendor signed are wanted, not a coding of them that we would have to unpack unchecked.
    "Accept-Encoding: identity",
  ];
  if (asking.login !== null) lines.push(`Authorization: ${basicLogin(asking.login)}`);
  if (proxy !== null && proxy.login !== null) lines.push(`Proxy-Authorization: ${basicLogin(proxy.login)}`);
  if (range?.kind === "first") lines.push(`Range: bytes=0-${range.bytes - 1}`);
  if (range?.kind === "rest") lines.push(`Range: bytes=${range.offset}-`, `If-Range: ${range.ifRange}`);
  const etag = unless === null ? null : usableEtag(unless.etag);
  const since = unless === null ? null : usableDate(unless.lastModified);
  if (etag !== null) lines.push(`If-None-Match: ${etag}`);
  if (since !== null) lines.push(`If-Modified-Since: ${since}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** The text that opens a tunnel through a proxy (RFC 9110 section 9.3.6). `authority`: host and port. */
export function connectHead(
  authority: string,
  userAgent: string,
  login: { readonly user: string; readonly password: string } | null,
): string {
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, `User-Agent: ${userAgent}`];
  if (login !== null) lines.push(`Proxy-Authorization: ${basicLogin(login)}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Which part to ask for. A resume without a validator that can bind it is no resume: the whole file is asked for. */
export function rangeOf(job: Pick<FetchJob, "first" | "resume">): RangeAsked | null {
  if (job.resume !== null) {
    const { offset, validators } = job.resume;
    const ifRange = strongEtag(validators.etag) ?? usableDate(validators.lastModified);
    if (ifRange !== null) return { kind: "rest", offset, ifRange };
    return null;
  }
  return job.first === null ? null : { kind: "first", bytes: job.first };
}

/** A weak tag says "about the same", which glues two versions into one file (RFC 9110 section 13.1.5). */
function strongEtag(etag: string | null): string | null {
  return etag !== null && STRONG_ETAG.test(etag) ? etag : null;
}

/** An entity tag that can be sent and compared, or `null`. */
export function usableEtag(etag: string | null): string | null {
  return etag !== null && etag.length <= 1_024 && ETAG.test(etag) ? etag : null;
}

/** A Last-Modified that can be sent back as it came, or `null`. */
export function usableDate(date: string | null): string | null {
  return date !== null && date.length <= 128 && VISIBLE.test(date) ? date : null;
}

/** RFC 7617. */
function basicLogin(login: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
}
