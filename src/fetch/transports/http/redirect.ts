import { Failure, quoteOutside, quoteUrl } from "../../../core/kernel/errors.ts";
import type { FetchJob } from "../../../wire/jobs.ts";
import { addressesOf, type Destination } from "../../dial.ts";
import { isInside } from "../../inside-address.ts";
import { malformed } from "./response-head.ts";

/** One request's address. */
export interface Hop {
  readonly url: URL;
  readonly to: Destination;
  /** Whether the address was judged, so that no connection made without that judgement may be used for it. */
  readonly judged: boolean;
}

/** The address that the source itself names: trusted as configured, inside or not. */
export function firstHop(url: URL): Hop {
  return { url, to: { host: hostOf(url), port: portOf(url), addresses: null }, judged: false };
}

/** Where a redirect leads (RFC 9110 section 10.2.2). Throws `upstream.malformed`, `upstream.redirect-scheme`. */
export function redirectUrl(from: URL, location: string, network: FetchJob["network"]): URL {
  if (location.length > 8_192 || !URL.canParse(location, from)) {
    throw malformed(`redirect to "${quoteOutside(location)}"`);
  }
  const url = new URL(location, from);
  // A login in a location would be sent on behalf of whoever wrote it.
  url.username = "";
  url.password = "";
  url.hash = "";
  const web = url.protocol === "http:" || url.protocol === "https:";
  if (!web || (url.protocol !== from.protocol && !network.allowSchemeChange)) {
    throw new Failure("upstream.redirect-scheme", `from ${quoteUrl(from.href)} to ${quoteUrl(url.href)}`);
  }
  return url;
}

/**
 * Judges where a redirect leads by the addresses it resolves to, and pins the connection to them. One inside address
 * among several is enough for a no: which one would be dialled is chance. Throws `upstream.redirect-inside` and what
 * a look-up throws.
 */
export async function redirectHop(configured: URL, url: URL, network: FetchJob["network"]): Promise<Hop> {
  const hop = firstHop(url);
  if (network.allowInside || sameHostAndPort(configured, url)) return hop;
  const addresses = await lookedUp(hop.to.host, network);
  const inside = addresses.find(({ address }) => isInside(address));
  if (inside !== undefined) {
    throw new Failure("upstream.redirect-inside", `${quoteUrl(url.href)} is ${quoteOutside(inside.address)}`);
  }
  return { url, to: { ...hop.to, addresses }, judged: true };
}

/**
 * Behind a proxy the outside names may not resolve here, and the proxy looks them up again anyway: then only what we can
 * see is judged, and keeping inside out of reach is also the proxy's office.
 */
async function lookedUp(host: string, network: FetchJob["network"]): ReturnType<typeof addressesOf> {
  try {
    return await addressesOf(host);
  } catch (cause) {
    if (network.proxy !== null && cause instanceof Failure) return [];
    throw cause;
  }
}

export function sameOrigin(a: URL, b: URL): boolean {
  return a.origin === b.origin;
}

function sameHostAndPort(a: URL, b: URL): boolean {
  return a.hostname === b.hostname && portOf(a) === portOf(b);
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}
