/** A page for man(1) out of plain text or the reference's Markdown: headings, code, lists of a table's rows. */
export function manPage(name: string, section: number, version: string, text: string): string {
  const lines = [`.TH ${name.toUpperCase()} ${section} "" "ringfort ${version}"`];
  let code = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) {
      code = !code;
      lines.push(code ? ".PP\n.nf\n.RS 4" : ".RE\n.fi");
    } else if (code) lines.push(escaped(line));
    else if (line.startsWith("#")) lines.push(`.SH "${escaped(line.replace(/^#+ /, "").replaceAll('"', "'"))}"`);
    else if (/^\| ?-/.test(line) || line.startsWith("<!--") || /^\| (option|exit code) \|/.test(line)) continue;
    else if (line.startsWith("|")) {
      const cells = line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => prose(cell.trim()));
      lines.push(`.TP\n\\fB${cells[0] ?? ""}\\fR\n${cells.slice(1).join(" \\- ")}`);
    } else lines.push(line === "" ? ".PP" : prose(line));
  }
  return `${lines.join("\n")}\n`;
}

/** As `manPage`, for what a program prints of itself, which is laid out already. */
export function plainManPage(name: string, section: number, version: string, text: string): string {
  return manPage(
    name,
    section,
    version,
    `# NAME\n\n${text.split("\n")[0] ?? ""}\n\n# DESCRIPTION\n\n\`\`\`\n${text}\`\`\``,
  );
}

function prose(line: string): string {
  return escaped(
    line
      .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
      .replaceAll("`", "")
      .replaceAll("\\|", "|"),
  );
}

/** A leading dot or apostrophe begins a request of roff, a backslash an escape. */
function escaped(line: string): string {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
}
