import type { Instant } from "../../../core/kernel/instant.ts";
import { parseHttpDate } from "./http-date.ts";
import type { RequestFields } from "./request-fields.ts";

/** What the present representation is known by. */
export interface Validators {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** A whole second. */
  readonly lastModified: Instant;
}

/** How a GET or HEAD goes on after its preconditions, in the order of RFC 9110 section 13.2.2. */
export function judgePreconditions(
  headers: RequestFields,
  current: Validators,
  now: Instant,
): "go-on" | "not-modified" | "failed" {
  const ifMatch = headers["if-match"];
  const ifUnmodified = headers["if-unmodified-since"];
  if (ifMatch !== undefined) {
    if (!tagsMatch(ifMatch, current.etag, "strong")) return "failed";
  } else if (ifUnmodified !== undefined) {
    const date = parseHttpDate(ifUnmodified, now);
    if (date !== null && current.lastModified > date) return "failed";
  }
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) return tagsMatch(ifNoneMatch, current.etag, "weak") ? "not-modified" : "go-on";
  const ifModified = headers["if-modified-since"];
  const date = ifModified === undefined ? null : parseHttpDate(ifModified, now);
  return date !== null && current.lastModified <= date ? "not-modified" : "go-on";
}

/**
 * Whether a Range request may be answered with a part (RFC 9110 section 13.1.5). Our dates are strong validators: no
 * two contents of a path ever have the same one (core/publish/last-modified.ts).
 */
export function rangeStillApplies(ifRange: string | undefined, current: Validators, now: Instant): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"') || ifRange.startsWith("W/")) return ifRange.trim() === current.etag;
  return parseHttpDate(ifRange, now) === current.lastModified;
}

/** Whether a list of entity tags, or `*`, names the tag. A list that is malformed names nothing from there on. */
function tagsMatch(list: string, etag: string, comparison: "strong" | "weak"): boolean {
  // What nearly every client sends: the one tag that it was given.
  if (list === etag || list.trim() === "*") return true;
  const tag = /\s*(W\/)?("[!#-~\u0080-\u00ff]*")\s*(?:,|$)/y;
  for (let match = tag.exec(list); match !== null; match = tag.exec(list)) {
    if (match[2] === etag && (comparison === "weak" || match[1] === undefined)) return true;
  }
  return false;
}
