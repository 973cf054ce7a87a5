import { cpus, release, totalmem } from "node:os";
import process from "node:process";

/** The middle of several measurements; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A table for people: figures to the right, words to the left. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const figures = heads.map((_, column) => rows.every((row) => /^[\d.,–-]*$/.test(row[column] ?? "")));
  const cellOf = (cell: string, column: number): string =>
    figures[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  const line = (cells: readonly string[]): string => cells.map(cellOf).join("  ").trimEnd();
  return [line(heads), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

/** What the figures were seen on. */
export function machine(): string {
  const list = cpus();
  return `${list.length} × ${list[0]?.model ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, kernel ${release()}, Node ${process.version}`;
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The last line of every benchmark and proof: its figures as JSON, and whether every stated goal was met. */
export function conclude(figures: Readonly<Record<string, unknown>>, ok: boolean): void {
  say(JSON.stringify({ ...figures, ok }));
  process.exitCode = ok ? 0 : 1;
}
