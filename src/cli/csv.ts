/**
 * Comma-separated values (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe in front: what
 * a client calls itself is a stranger's word.
 */
export function csvText(headings: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  return [headings, ...rows].map((row) => `${row.map(cellText).join(",")}\r\n`).join("");
}

function cellText(cell: string | number | null): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const plain = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
