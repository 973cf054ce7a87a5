import { quoteOutside } from "../core/kernel/errors.ts";
import type { Paint, Tone } from "./terminal.ts";

/** One cell; a number stands to the right. `null` is shown as "-". */
export type Cell = string | number | null | { readonly text: string; readonly tone: Tone };

/**
 * Columns under a heading, two spaces apart, nothing behind the last word of a line. Every text is escaped here: names,
 * reasons and details come from vendors, and a terminal obeys what it is sent.
 */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const shown = rows.map((row) => row.map(show));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...shown.map((row) => lengthOf(row[column]?.text ?? ""))),
  );
  const right = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumber(row[column] ?? null)));
  const line = (cells: readonly Shown[]): string => {
    const padded = cells.map((cell, column) => {
      const gap = " ".repeat(Math.max(0, (widths[column] ?? 0) - lengthOf(cell.text)));
      if (right[column] === true) return gap + paint(cell.text, cell.tone);
      return column === cells.length - 1 ? paint(cell.text, cell.tone) : paint(cell.text, cell.tone) + gap;
    });
    return padded.join("  ").trimEnd();
  };
  const head = line(headings.map((text) => ({ text, tone: "strong" })));
  return [head, ...shown.map(line)].map((text) => `${text}\n`).join("");
}

/** "name: value" lines with the values under each other. */
export function facts(pairs: readonly (readonly [string, Cell])[], paint: Paint): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2;
  return pairs
    .map(([name, cell]) => {
      const { text, tone } = show(cell);
      return `${`${name}:`.padEnd(width)}${paint(text, tone)}\n`;
    })
    .join("");
}

interface Shown {
  readonly text: string;
  readonly tone: Tone;
}

function show(cell: Cell): Shown {
  if (cell === null) return { text: "-", tone: "plain" };
  if (typeof cell === "object") return { text: quoteOutside(cell.text, 1_000), tone: cell.tone };
  return { text: typeof cell === "number" ? String(cell) : quoteOutside(cell, 1_000), tone: "plain" };
}

function isNumber(cell: Cell): boolean {
  return cell === null || typeof cell === "number";
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
