import { LIMITS } from "../../../../core/kernel/limits.ts";

/** What an index page holds that is of use: its title, and the `href` of each of its links, in order. */
export interface PageHandler {
  title(text: string): void;
  /** Answers with a fault to stop the reading. */
  link(href: string): string | null;
}

// Inside these nothing is markup until their own end tag: a script that builds links as text is not a link.
const RAW_TEXT = new Set(["script", "style", "title", "textarea"]);

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Walks over the tags of a page. It is no browser: it knows comments, tags with quoted and bare attributes, and
 * elements of raw text, which is all that an index page has. Every character is looked at a bounded number of times, so
 * that a page of half-open tags costs no more than an honest one of its length. Answers with a fault, or `null`.
 */
export function walkTags(page: string, handler: PageHandler): string | null {
  let at = 0;
  for (;;) {
    const open = page.indexOf("<", at);
    if (open === -1) return null;
    if (page.startsWith("<!--", open)) {
      const end = page.indexOf("-->", open + 4);
      if (end === -1) return "a comment that does not end";
      at = end + 3;
      continue;
    }
    const name = tagName(page, open + 1);
    if (name === "") {
      // An end tag, a doctype, or a bare `<` in the text.
      at = open + 1;
      continue;
    }
    const tag = readAttributes(page, open + 1 + name.length, name === "a");
    if (tag === null) return "a tag that does not end";
    if (tag.fault !== null) return tag.fault;
    at = tag.end;
    if (tag.href !== null) {
      const fault = handler.link(decodeReferences(tag.href));
      if (fault !== null) return fault;
    }
    if (!RAW_TEXT.has(name)) continue;
    const end = endOfRawText(page, at, name);
    if (end === -1) return `a ${name} that does not end`;
    if (name === "title") handler.title(decodeReferences(page.slice(at, Math.min(end, at + LIMITS.listLineBytes))));
    at = end;
  }
}

function tagName(page: string, at: number): string {
  // Longer than any element's name: a run of letters is cut there and read as a tag of no interest.
  const [name] = /^[a-zA-Z][a-zA-Z0-9]{0,15}/.exec(page.slice(at, at + 16)) ?? [""];
  return name.toLowerCase();
}

/** Where the raw text ends: at the `<` of its end tag. The name is looked for in place, not in a lower-case copy. */
function endOfRawText(page: string, from: number, name: string): number {
  for (let at = page.indexOf("</", from); at !== -1; at = page.indexOf("</", at + 2)) {
    if (page.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  }
  return -1;
}

interface Tag {
  readonly end: number;
  readonly href: string | null;
  readonly fault: string | null;
}

/** Reads from behind a tag's name to behind its `>`; `null` when the page ends first. The first `href` counts. */
function readAttributes(page: string, from: number, wanted: boolean): Tag | null {
  let at = from;
  let href: string | null = null;
  while (at < page.length) {
    const character = page.charCodeAt(at);
    if (character === GREATER) return { end: at + 1, href, fault: null };
    if (isSpace(character) || character === SLASH) {
      at += 1;
      continue;
    }
    const name = { start: at, end: skip(page, at + 1, endsName) };
    at = skip(page, name.end, (code) => !isSpace(code));
    if (page.charCodeAt(at) !== EQUALS) continue;
    const value = readValue(
      page,
      skip(page, at + 1, (code) => !isSpace(code)),
    );
    if (value === null) return null;
    at = value.next;
    if (!wanted || href !== null || name.end - name.start !== 4) continue;
    if (page.slice(name.start, name.end).toLowerCase() !== "href") continue;
    if (value.end - value.start > LIMITS.listLineBytes)
      return { end: at, href, fault: `a link longer than ${LIMITS.listLineBytes} characters` };
    href = page.slice(value.start, value.end);
  }
  return null;
}

function readValue(
  page: string,
  start: number,
): { readonly start: number; readonly end: number; readonly next: number } | null {
  const quote = page[start];
  if (quote === '"' || quote === "'") {
    const end = page.indexOf(quote, start + 1);
    return end === -1 ? null : { start: start + 1, end, next: end + 1 };
  }
  const end = skip(page, start, (code) => isSpace(code) || code === GREATER);
  return { start, end, next: end };
}

const GREATER = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function endsName(code: number): boolean {
  return isSpace(code) || code === EQUALS || code === GREATER || code === SLASH;
}

function skip(page: string, from: number, stop: (code: number) => boolean): number {
  let at = from;
  while (at < page.length && !stop(page.charCodeAt(at))) at += 1;
  return at;
}

/** Character references, as far as servers write them in links; any other stays as it stands. */
function decodeReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
