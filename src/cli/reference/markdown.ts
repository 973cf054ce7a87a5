/** A table of Markdown. */
export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return line(headings) + line(headings.map(() => "---")) + rows.map(line).join("");
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cellText).join(" | ")} |\n`;
}

function cellText(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** What every generated page begins with. */
export function pageHead(title: string, madeFrom: string): string {
  return `# ${title}\n\n<!-- Made by \`npm run reference\` from ${madeFrom}: edit that instead. -->\n\n`;
}
