import { Failure } from "../../../core/kernel/errors.ts";
import type { Validators } from "../../../wire/jobs.ts";
import { framingOf } from "./body.ts";
import type { RangeAsked } from "./request.ts";
import { usableDate, usableEtag } from "./request.ts";
import { malformed, type ResponseHead, single } from "./response-head.ts";

/** What a response's head means for what was asked. */
export type Answer =
  | {
      readonly kind: "body";
      readonly offset: number;
      readonly size: number | null;
      /** Bytes that this body must have, where known. */
      readonly expected: number | null;
      readonly validators: Validators;
    }
  | { readonly kind: "not-modified" }
  | { readonly kind: "redirect"; readonly location: string }
  /** The server cannot give the part: ask for the whole. */
  | { readonly kind: "ask-whole" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Asked {
  readonly url: URL;
  readonly range: RangeAsked | null;
  readonly conditional: boolean;
  readonly throughProxy: boolean;
}

/** Judges a final response (RFC 9110 section 15). Throws `upstream.malformed` when the head contradicts itself. */
export function judgeAnswer(head: ResponseHead, asked: Asked): Answer {
  switch (head.status) {
    case 200:
      checkCoding(head, asked.url);
      return wholeBody(head);
    case 206:
      checkCoding(head, asked.url);
      return partOfBody(head, asked.range);
    case 304:
      if (!asked.conditional) throw malformed("304 to an unconditional request");
      return { kind: "not-modified" };
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: {
      const location = single(head, "location");
      if (location === null) throw malformed(`${head.status} without a location`);
      return { kind: "redirect", location };
    }
    case 416:
      // An empty file has no first byte to give; a file that has become shorter than what we hold has changed.
      if (asked.range?.kind === "first") return { kind: "ask-whole" };
      if (asked.range !== null) return failed("upstream.changed", head.status, "later");
      return failed("upstream.status", head.status, "never");
    default:
      return refused(head.status, asked.throughProxy);
  }
}

function refused(status: number, throughProxy: boolean): Answer {
  if (status === 404 || status === 410) return failed("upstream.not-found", status, "never");
  if (status === 401) return failed("upstream.login", status, "never");
  if (status === 407 && throughProxy) return failed("upstream.proxy", status, "never");
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  return failed("upstream.status", status, passing ? "later" : "never");
}

function failed(code: Failure["code"], status: number, retry: "never" | "later"): Answer {
  return { kind: "failed", failure: new Failure(code, `status ${status}`, { retry }) };
}

function wholeBody(head: ResponseHead): Answer {
  const framing = framingOf(head);
  const size = framing.kind === "length" ? framing.bytes : null;
  return { kind: "body", offset: 0, size, expected: size, validators: validatorsOf(head) };
}

/** RFC 9110 section 14.4 and 15.3.7: exactly the part that was asked for, or nothing. */
function partOfBody(head: ResponseHead, range: RangeAsked | null): Answer {
  if (range === null) throw malformed("206 to a request without a range");
  const text = single(head, "content-range") ?? "";
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text);
  if (match === null) throw malformed("206 without a content range");
  const [start, end] = [Number(match[1]), Number(match[2])];
  const size = match[3] === "*" ? null : Number(match[3]);
  const offset = range.kind === "first" ? 0 : range.offset;
  if (start !== offset || end < start) throw malformed("another range than asked for");
  if (size !== null) {
    const last = range.kind === "first" ? Math.min(range.bytes, size) - 1 : size - 1;
    if (end !== last) throw malformed("a range that does not fit the size");
  } else if (range.kind === "first" && end >= range.bytes) throw malformed("more than the range asked for");
  const expected = end - start + 1;
  const framing = framingOf(head);
  if (framing.kind === "length" && framing.bytes !== expected) throw malformed("a length beside another range");
  const validators = validatorsOf(head);
  if (range.kind === "rest" && contradicts(range.ifRange, validators)) {
    return failed("upstream.changed", head.status, "later");
  }
  return { kind: "body", offset, size, expected, validators };
}

/** Whether a part comes from another version than the one it was asked for: two halves of two files. */
function contradicts(ifRange: string, found: Validators): boolean {
  if (ifRange.startsWith('"')) return found.etag !== null && found.etag !== ifRange;
  return found.lastModified !== null && found.lastModified !== ifRange;
}

function validatorsOf(head: ResponseHead): Validators {
  return {
    etag: usableEtag(single(head, "etag")),
    lastModified: usableDate(single(head, "last-modified")),
  };
}

const CODING_OF_ENDING: Readonly<Record<string, string>> = {
  gz: "gzip",
  tgz: "gzip",
  bz2: "bzip2",
  xz: "xz",
  zst: "zstd",
  z: "compress",
};

/**
 * Asked for identity, a server must not encode. Some label a stored `.gz` file with its own coding all the same, and
 * send it as it lies there: then the bytes are the file, and unpacking them would break its digest. Any other coding
 * is not the file.
 */
function checkCoding(head: ResponseHead, url: URL): void {
  const coding = (single(head, "content-encoding") ?? "identity").toLowerCase().replace(/^x-/, "");
  if (coding === "identity" || coding === "") return;
  const ending = /\.([a-z0-9]+)$/i.exec(url.pathname)?.[1]?.toLowerCase() ?? "";
  if (CODING_OF_ENDING[ending] !== coding) throw malformed("a content coding that was not asked for");
}
