import { quoteOutside, type Refusal, refuse } from "../kernel/errors.ts";
import { LIMITS } from "../kernel/limits.ts";

/** One assignment of a unit, in the order of the file; `line` is where it begins. An empty value takes back what stood before. */
interface UnitEntry {
  readonly section: string;
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** A unit file, or a drop-in, or both one after the other: systemd reads them as if they were one file. */
export type UnitEntries = readonly UnitEntry[];

/** A unit, or a drop-in of it, as it was found. */
export interface UnitText {
  readonly file: string;
  readonly text: string;
}

/**
 * The assignments of a unit file, as systemd.syntax(7) has them. systemd warns of a line that it cannot read, and goes on without it;
 * here it is refused with its place, for advice about half of a unit would be wrong advice.
 */
export function parseUnit({ file, text }: UnitText): UnitEntries | Refusal {
  const entries: UnitEntry[] = [];
  let section: string | null = null;
  if (text.length > LIMITS.unitBytes)
    return refuse("unit.malformed", `${quoteOutside(file)}: longer than ${LIMITS.unitBytes} characters`);
  const lines = logicalLines(text);
  for (const { line, words } of lines) {
    const place = `${quoteOutside(file)}, line ${line}`;
    if (words.length > LIMITS.unitLineLength)
      return refuse("unit.malformed", `${place}: longer than ${LIMITS.unitLineLength} characters`);
    if (entries.length >= LIMITS.unitEntries)
      return refuse("unit.malformed", `${place}: more than ${LIMITS.unitEntries} assignments`);
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(words))
      return refuse("unit.malformed", `${place}: a control character`);
    if (words.startsWith("[")) {
      const [, named] = /^\[([A-Za-z0-9-]{1,64})\]$/.exec(words) ?? [];
      if (named === undefined)
        return refuse("unit.malformed", `${place}: no name of a section: ${quoteOutside(words, 40)}`);
      section = named;
      continue;
    }
    const sign = words.indexOf("=");
    const name = words.slice(0, Math.max(sign, 0)).trimEnd();
    if (sign === -1) return refuse("unit.malformed", `${place}: no "=": ${quoteOutside(words, 40)}`);
    if (!/^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(name))
      return refuse("unit.malformed", `${place}: no name of a directive: ${quoteOutside(name, 40)}`);
    if (section === null) return refuse("unit.malformed", `${place}: ${name}= stands before any section`);
    entries.push({ section, name, value: words.slice(sign + 1).trimStart(), line });
  }
  return entries;
}

/** Lines with their continuations joined by a blank. Comments go, those between a line and its continuation too. */
function logicalLines(text: string): readonly { readonly line: number; readonly words: string }[] {
  const joined: { line: number; words: string }[] = [];
  let open: { line: number; parts: string[] } | null = null;
  const physical = text.replace(/^\ufeff/, "").split("\n");
  for (const [at, raw] of physical.entries()) {
    const words = raw.replace(/\r$/, "");
    if (/^\s*[#;]/.test(words)) continue;
    if (open === null && words.trim() === "") continue;
    // An odd number of backslashes continues the line; an even one is backslashes.
    const [tail = ""] = /\\*$/.exec(words) ?? [];
    const continues = tail.length % 2 === 1;
    const here: { line: number; parts: string[] } = open ?? { line: at + 1, parts: [] };
    here.parts.push((continues ? words.slice(0, -1) : words).trimStart());
    open = continues ? here : null;
    if (!continues) joined.push({ line: here.line, words: here.parts.join(" ").trim() });
  }
  // The last line of a file may end in a backslash: it continues into nothing.
  if (open !== null) joined.push({ line: open.line, words: open.parts.join(" ").trim() });
  return joined.filter(({ words }) => words !== "");
}

/** The values of a directive in force: an empty assignment takes back those before it. */
export function valuesOf(entries: UnitEntries, name: string, section = "Service"): readonly string[] {
  const values: string[] = [];
  for (const entry of entries) {
    if (entry.section !== section || entry.name !== name) continue;
    if (entry.value === "") values.length = 0;
    else values.push(entry.value);
  }
  return values;
}

/** Whether a directive is set, an empty value too: `CapabilityBoundingSet=` says something. */
export function isSet(entries: UnitEntries, name: string, section = "Service"): boolean {
  return entries.some((entry) => entry.section === section && entry.name === name);
}

/** The words of a value, and of several lines of a list: `"a b" c` is two. A backslash keeps the next character. */
export function wordsOf(value: string): readonly string[] {
  const words: string[] = [];
  for (const [, double, single, plain] of value.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+)/g))
    words.push((double ?? single ?? plain ?? "").replaceAll(/\\(.)/g, "$1"));
  return words;
}
