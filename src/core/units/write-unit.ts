/** One assignment that is to be written, and why it stands there. */
interface WrittenEntry {
  readonly name: string;
  readonly value: string;
  /** Lines above it, as comments. */
  readonly comment?: string;
}

export interface WrittenSection {
  readonly name: string;
  readonly entries: readonly WrittenEntry[];
}

/**
 * A unit file or drop-in. What a line cannot hold (a line's end, a control character) is a bug of the caller: quote it first
 * (`quoteWord`), for a value with a line's end in it would be two directives.
 */
export function writeUnit(heading: string, sections: readonly WrittenSection[]): string {
  const blocks = sections.map(
    ({ name, entries }) =>
      `[${name}]\n${entries.map((entry) => `${commented(entry.comment)}${assignment(entry)}`).join("")}`,
  );
  return `${commented(heading)}${heading === "" ? "" : "\n"}${blocks.join("\n")}`;
}

function assignment({ name, value }: WrittenEntry): string {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name) || /[\u0000-\u001f\u007f]|\\$/.test(value))
    throw new Error(`not a line of a unit: ${JSON.stringify(`${name}=${value}`)}`);
  return `${name}=${value}\n`;
}

function commented(text: string | undefined): string {
  if (text === undefined || text === "") return "";
  // A comment that ends in a backslash would take the next line with it in older systemd.
  return `${wrapped(text)
    .map((line) => `# ${line.replace(/[\u0000-\u001f\u007f\\]+$/g, "")}`.trimEnd())
    .join("\n")}\n`;
}

const COMMENT_WIDTH = 110;

function wrapped(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const lines: string[] = [];
    let now = "";
    for (const word of line.split(" ")) {
      if (now !== "" && now.length + word.length >= COMMENT_WIDTH) {
        lines.push(now);
        now = word;
      } else now = now === "" ? word : `${now} ${word}`;
    }
    return [...lines, now];
  });
}

/**
 * A word of a list (a path, an argument) as systemd.syntax(7) reads it back: in quotes where it has to be, `%` doubled, for it begins
 * a specifier. `null` for what no unit can hold.
 */
export function quoteWord(word: string): string | null {
  if (word === "" || /[\u0000-\u001f\u007f]/.test(word)) return null;
  const plain = word.replaceAll("%", "%%");
  return /^[A-Za-z0-9_@%+=:,./~-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, "\\$&")}"`;
}
