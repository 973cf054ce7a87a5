import { LIMITS } from "../../core/kernel/limits.ts";

interface IndexSection {
  readonly name: string;
  readonly entries: readonly { readonly key: string; readonly value: string }[];
}

/**
 * An index text (`.tri`). Its grammar is documented nowhere, so that nothing of it is lost: sections, keys and their
 * order, what stands twice, and every line that is neither. What comes before the first section stands in one named "".
 */
export interface IndexText {
  readonly sections: readonly IndexSection[];
  /** Every line as it stands, byte for byte (one character a byte), with its end: "", LF or CR LF. */
  readonly lines: readonly { readonly text: string; readonly end: string }[];
  readonly bytes: Uint8Array;
}

/** Reads an index text. Malformed is only what passes a ceiling: any other bytes are some text. */
export function readIndexText(bytes: Uint8Array): { readonly text: IndexText } | { readonly malformed: string } {
  if (bytes.length > LIMITS.guardTextBytes)
    return { malformed: `the index text is longer than ${LIMITS.guardTextBytes} bytes` };
  const raw = Buffer.from(bytes).toString("latin1");
  const lines: { text: string; end: string }[] = [];
  for (let start = 0; start < raw.length; ) {
    if (lines.length >= LIMITS.guardTextLines)
      return { malformed: `the index text has more than ${LIMITS.guardTextLines} lines` };
    const feed = raw.indexOf("\n", start);
    const stop = feed === -1 ? raw.length : feed + 1;
    const end = feed === -1 ? "" : raw[feed - 1] === "\r" ? "\r\n" : "\n";
    lines.push({ text: raw.slice(start, stop - end.length), end });
    start = stop;
  }
  return { text: { sections: sectionsOf(lines, isUtf8(bytes)), lines, bytes } };
}

/** The bytes that the parts came from. What was signed is compared with these: then what was read is what was signed. */
export function indexTextBytes({ lines }: IndexText): Uint8Array {
  return Buffer.from(lines.map(({ text, end }) => text + end).join(""), "latin1");
}

function sectionsOf(lines: IndexText["lines"], utf8: boolean): readonly IndexSection[] {
  const words = (text: string): string => (utf8 ? Buffer.from(text, "latin1").toString("utf8") : text);
  const sections: { name: string; entries: { key: string; value: string }[] }[] = [];
  let entries: { key: string; value: string }[] | null = null;
  for (const { text } of lines) {
    const line = trimmed(text);
    if (line.startsWith("[") && line.endsWith("]") && line.length > 2) {
      entries = [];
      sections.push({ name: words(line.slice(1, -1)), entries });
      continue;
    }
    const equals = line.indexOf("=");
    if (equals < 1) continue;
    if (entries === null) {
      entries = [];
      sections.push({ name: "", entries });
    }
    entries.push({ key: words(trimmed(line.slice(0, equals))), value: words(trimmed(line.slice(equals + 1))) });
  }
  return sections;
}

/** Without the white space of ASCII around it: what else `trim` takes for some may be half of a letter in UTF-8. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
