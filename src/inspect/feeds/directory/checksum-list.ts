import type { Digests } from "../../../core/kernel/digest.ts";
import { quoteOutside } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { eachLine } from "./text-lines.ts";

/** A name of a checksum list with what the list says of it, as written: not yet safe. */
interface ListedDigests {
  readonly path: string;
  readonly digests: Digests;
}

type Reading = { readonly malformed: null; readonly files: readonly ListedDigests[] } | { readonly malformed: string };

/**
 * Reads a checksum list: lines of GNU coreutils (`<hex>  name`, `<hex> *name`; a leading `\` says that the name is
 * escaped) and of BSD and OpenSSL (`SHA256 (name) = <hex>`), with SHA-256 or SHA-512. Any other digest makes the list
 * unreadable: to skip the line would quietly leave its file out. Names lose a leading `./` and nothing else.
 *
 * The SHA-256 and the SHA-512 of one name become one entry, and so does a line said twice; contradicting lines stay
 * apart, for judging to refuse.
 */
export function readChecksumList(text: string): Reading {
  const byPath = new Map<string, Digests[]>();
  let names = 0;
  const malformed = eachLine(text, (raw) => {
    const line = raw.replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) return null;
    const parsed = parseLine(line);
    if (typeof parsed === "string") return parsed;
    const before = byPath.get(parsed.path);
    if (before === undefined) byPath.set(parsed.path, [parsed.digests]);
    else if (merge(before, parsed.digests)) return null;
    names += 1;
    return names > LIMITS.feedNames ? `more than ${LIMITS.feedNames} names` : null;
  });
  if (malformed !== null) return { malformed };
  return {
    malformed: null,
    files: [...byPath].flatMap(([path, entries]) => entries.map((digests) => ({ path, digests }))),
  };
}

/**
 * Adds digests to an entry that they do not contradict; `false` when they had to become an entry of their own. Two that
 * contradict are enough to refuse a list: more are not kept, or one name on every line would cost the square of them.
 */
function merge(entries: Digests[], added: Digests): boolean {
  const at = entries.findIndex((held) => agree(held.sha256, added.sha256) && agree(held.sha512, added.sha512));
  if (at !== -1) entries[at] = { ...entries[at], ...added };
  else if (entries.length < 2) entries.push(added);
  else return true;
  return at !== -1;
}

function agree(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** One line, or what is wrong with it. */
function parseLine(line: string): ListedDigests | string {
  const escaped = line.startsWith("\\");
  const rest = escaped ? line.slice(1) : line;
  const parts = splitBsd(rest) ?? splitGnu(rest);
  if (typeof parts === "string") return parts;
  const digests = parseDigest(parts.hex, parts.algorithm);
  if (typeof digests === "string") return digests;
  const name = escaped ? unescapeName(parts.name) : parts.name;
  if (name === null) return "an escape that is none of \\\\, \\n and \\r";
  const path = withoutDotSlash(name);
  return path === "" ? "no file name" : { path, digests };
}

interface Parts {
  readonly algorithm: string | null;
  readonly hex: string;
  readonly name: string;
}

/** `SHA256 (name) = hex`; `null` when the line does not begin so. A name may hold `)`: the last `) = ` counts. */
function splitBsd(line: string): Parts | string | null {
  const [begin, algorithm] = /^([A-Z][A-Z0-9/-]{1,15}) ?\(/.exec(line) ?? [];
  if (begin === undefined || algorithm === undefined) return null;
  const close = line.lastIndexOf(")");
  const [, hex] = /^ ?= ?([0-9a-fA-F]+)[ \t]*$/.exec(close === -1 ? "" : line.slice(close + 1)) ?? [];
  return hex === undefined ? "no digest behind the name" : { algorithm, hex, name: line.slice(begin.length, close) };
}

function splitGnu(line: string): Parts | string {
  const [hex] = /^[0-9a-fA-F]+/.exec(line) ?? [""];
  if (hex === "") return `neither a digest nor a comment: ${quoteOutside(line, 60)}`;
  const separator = line.slice(hex.length, hex.length + 2);
  if (separator !== "  " && separator !== " *") return "digest and name are not parted by two spaces, or a space and *";
  return { algorithm: null, hex, name: line.slice(hex.length + 2) };
}

const ALGORITHMS: Readonly<Record<string, "sha256" | "sha512">> = {
  SHA256: "sha256",
  "SHA2-256": "sha256",
  SHA512: "sha512",
  "SHA2-512": "sha512",
};

/** Which digest it is says the name of the algorithm where there is one, and else its length. */
function parseDigest(text: string, algorithm: string | null): Digests | string {
  const hex = text.toLowerCase();
  const byLength = hex.length === 64 ? "sha256" : hex.length === 128 ? "sha512" : undefined;
  const named = algorithm === null ? byLength : ALGORITHMS[algorithm];
  if (named === undefined)
    return algorithm === null
      ? `a digest of ${hex.length * 4} bits binds nothing here`
      : `${algorithm} binds nothing here`;
  if (named !== byLength) return `a ${named} of ${hex.length * 4} bits`;
  return named === "sha256" ? { sha256: hex } : { sha512: hex };
}

/** The escapes of coreutils; `null` for any other. */
function unescapeName(text: string): string | null {
  let fault = false;
  const name = text.replace(/\\(.?)/gs, (_whole, letter: string) => {
    if (letter === "\\") return "\\";
    if (letter === "n") return "\n";
    if (letter === "r") return "\r";
    fault = true;
    return "";
  });
  return fault ? null : name;
}

function withoutDotSlash(name: string): string {
  let at = 0;
  while (name.startsWith("./", at)) at += 2;
  return name.slice(at);
}
