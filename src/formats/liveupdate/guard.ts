import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import { LIMITS } from "../../core/kernel/limits.ts";

/** One file that a guard protects. Digests are hexadecimal in lower case; at least one is there. */
export interface GuardedFile {
  readonly name: string;
  readonly sha1: string | null;
  readonly sha256: string | null;
}

/** A guard (`.grd`), which alone of an index or package is signed. */
export interface Guard {
  readonly legal: string;
  /** Its own date; `null` when it has none. */
  readonly lastModified: Instant | null;
  readonly files: readonly GuardedFile[];
}

type Section = ReadonlyMap<string, string>;

/**
 * Reads a guard: text of sections, `[GuardHeader]` and one `[File-<name>]` for each file. Nothing may be said twice and
 * every line must be understood: where two readers could take different things from one signed text, it is refused.
 */
export function readGuard(bytes: Uint8Array): { readonly guard: Guard } | { readonly malformed: string } {
  if (bytes.length > LIMITS.guardTextBytes)
    return { malformed: `the guard is longer than ${LIMITS.guardTextBytes} bytes` };
  const lines = linesOf(bytes);
  if (typeof lines === "string") return { malformed: lines };
  const sections = sectionsOf(lines);
  if (typeof sections === "string") return { malformed: sections };
  const header = sections.get("guardheader")?.entries;
  if (header === undefined) return { malformed: "the guard has no [GuardHeader]" };
  const lastModified = dateOf(header);
  if (typeof lastModified === "string") return { malformed: lastModified };
  const files: GuardedFile[] = [];
  for (const { name, entries } of sections.values()) {
    if (!/^file-./i.test(name)) continue;
    const file = fileOf(name.slice("file-".length), entries);
    if (typeof file === "string") return { malformed: file };
    files.push(file);
  }
  return { guard: { legal: (header.get("legal") ?? "").slice(0, 512), lastModified, files } };
}

/** The guard's lines without their ends, which are all LF or all CR LF: a mixture has been put together by somebody. */
function linesOf(bytes: Uint8Array): readonly string[] | string {
  const text = decode(bytes);
  if (text.charCodeAt(0) === 0xfeff) return "the guard begins with a byte order mark";
  const feeds = count(text, "\n");
  if (feeds > LIMITS.guardTextLines) return `the guard has more than ${LIMITS.guardTextLines} lines`;
  const returns = count(text, "\r");
  const end = returns === 0 ? "\n" : "\r\n";
  if (returns > 0 && (returns !== feeds || count(text, "\r\n") !== feeds)) return "the guard mixes line ends";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) return "the guard holds a control character";
  const lines = text.split(end);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The encoding is documented nowhere: only the legal text may be other than ASCII, and is for showing alone. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}

function count(text: string, what: string): number {
  let found = 0;
  for (let at = text.indexOf(what); at !== -1; at = text.indexOf(what, at + what.length)) found += 1;
  return found;
}

type Sections = ReadonlyMap<string, { readonly name: string; readonly entries: Section }>;

function sectionsOf(lines: readonly string[]): Sections | string {
  const sections = new Map<string, { readonly name: string; readonly entries: Map<string, string> }>();
  let entries: Map<string, string> | null = null;
  for (const [index, line] of lines.entries()) {
    const place = `the guard's line ${index + 1}`;
    if (line === "") continue;
    if (line.startsWith("[")) {
      const name = line.slice(1, -1);
      if (!line.endsWith("]") || !/^[\x20-\x5a\x5c\x5e-\x7e]+$/.test(name)) return `${place} is no section`;
      if (sections.has(name.toLowerCase())) return `${place}: a second section [${quoteOutside(name)}]`;
      entries = new Map();
      sections.set(name.toLowerCase(), { name, entries });
      continue;
    }
    const equals = line.indexOf("=");
    const key = line.slice(0, equals).toLowerCase();
    if (equals < 1 || !/^[a-z0-9_.-]+$/.test(key)) return `${place} is neither a section nor a key with its value`;
    if (entries === null) return `${place} stands before the first section`;
    if (entries.has(key)) return `${place}: the key ${quoteOutside(key)} a second time`;
    entries.set(key, line.slice(equals + 1));
  }
  return sections;
}

function fileOf(name: string, entries: Section): GuardedFile | string {
  const sha1 = entries.get("sha1")?.toLowerCase() ?? null;
  const sha256 = entries.get("sha256")?.toLowerCase() ?? null;
  if (sha1 !== null && !/^[0-9a-f]{40}$/.test(sha1)) return `the guard's SHA1 of ${quoteOutside(name)} is none`;
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256)) return `the guard's SHA256 of ${quoteOutside(name)} is none`;
  if (sha1 === null && sha256 === null) return `the guard has no digest of ${quoteOutside(name)}`;
  return { name, sha1, sha256 };
}

/** The guard states its date twice; the two must agree, or one reader would see an older guard than another. */
function dateOf(header: Section): Instant | null | string {
  const seconds = header.get("lastmodifiedutcseconds");
  // The vendor's own spelling, with one "t".
  const formatted = header.get("lastmodifiedgmtformated");
  if (seconds !== undefined && !/^\d{1,11}$/.test(seconds)) return "the guard's LastModifiedUtcSeconds is no number";
  const bySeconds = seconds === undefined ? null : Number(seconds) * 1_000;
  const byText = formatted === undefined ? null : instantOf(formatted);
  if (formatted !== undefined && byText === null) return "the guard's LastModifiedGmtFormated is no time";
  if (bySeconds !== null && byText !== null && bySeconds !== byText) return "the guard's two dates differ";
  return bySeconds ?? byText;
}

/** `YYYYMMDD HH:MM:SS`, in UTC. */
function instantOf(text: string): Instant | null {
  const parts = /^(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d)$/.exec(text);
  if (parts === null) return null;
  const iso = `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}.000Z`;
  const instant = Date.parse(iso);
  // The 31st of February would be taken for a day in March.
  return Number.isNaN(instant) || new Date(instant).toISOString() !== iso ? null : instant;
}
